import type { ConnectionState, Effect, Event, Model, TimerName } from './connection'
import { initial, stateOf, step } from './connection'
import type { Environment, SocketLike } from './environment'
import type { ServerFrame } from './frames'
import { decodeFrame } from './frames'
import type { Cancel } from './timers'
import { after } from './timers'
import type { Held } from './vault'

/** The subprotocol that is offered, and the only one that is spoken. */
export const subprotocol = 'keyturn.v1'

/** The connection to the server: carries out what the state machine decides. */
export interface Connection {
  dispatch(event: Event): void
  /** Reports a refresh that failed; nothing happens without an open connection. */
  failed(code: string): void
  state(): ConnectionState
  lastClose(): number | null
}

export interface ConnectionParts {
  readonly env: Environment
  /** Null: there is no server to connect to. */
  readonly url: string | null
  readonly held: () => Held | null
  /** generation: of the token that a welcome answers; 0 for other frames. */
  readonly received: (frame: ServerFrame, generation: number) => void
  readonly changed: (state: ConnectionState, lastClose: number | null) => void
  /** The token of this generation was refused: replace it, then say `token` or `refreshfailed`. */
  readonly refused: (generation: number) => void
}

interface Wire {
  readonly socket: SocketLike
  /** Generations presented and not yet welcomed, in order. */
  readonly presented: number[]
}

export function createConnection(p: ConnectionParts): Connection {
  const { env } = p
  let model: Model = { ...initial, offline: !env.online() }
  let lastPresented = 0
  // key: link id
  const wires = new Map<number, Wire>()
  const timers = new Map<TimerName, Cancel>()
  const queue: Event[] = []

  const send = (id: number | undefined, frame: object): void => {
    try {
      wires.get(id ?? 0)?.socket.send(JSON.stringify(frame))
    } catch {
      // A socket that is not open yet, or no more; its close event says the rest.
    }
  }

  const present = (id: number): boolean => {
    const held = p.held()
    const wire = wires.get(id)
    if (!held || !wire) return false
    lastPresented = held.generation
    if (wire.presented[0] !== lastPresented) {
      wire.presented.unshift(lastPresented)
      send(id, { type: 'auth', token: held.token })
    }
    return true
  }

  const forget = (id: number): Wire | undefined => {
    const wire = wires.get(id)
    wires.delete(id)
    return wire
  }

  const open = (id: number): void => {
    let socket: SocketLike
    try {
      socket = env.socket(p.url!, [subprotocol])
    } catch {
      dispatch({ type: 'closed', id, code: 1006 })
      return
    }
    const wire: Wire = { socket, presented: [] }
    let welcomes = 0
    wires.set(id, wire)
    socket.onopen = () => dispatch({ type: 'opened', id, authed: present(id) })
    socket.onclose = ({ code }) => {
      forget(id)
      dispatch({ type: 'closed', id, code })
    }
    socket.onerror = null
    socket.onmessage = ({ data }) => {
      if (!wires.has(id)) return
      const frame = decodeFrame(data)
      dispatch({ type: 'frame', id, frame })
      if (!frame) return
      p.received(frame, frame.type === 'welcome' ? (wire.presented.at(-1 - welcomes++) ?? 0) : 0)
    }
  }

  const perform = (effect: Effect): void => {
    switch (effect.do) {
      case 'open':
        return open(effect.id)
      case 'close':
        return forget(effect.id)?.socket.close(1000)
      case 'auth':
        present(effect.id)
        return
      case 'ping':
        return send(effect.id, { type: 'ping' })
      case 'refresh':
        return p.refused(lastPresented)
      case 'timer': {
        const { name, ms } = effect
        timers.get(name)?.()
        timers.delete(name)
        if (ms !== null) timers.set(name, after(env, ms, () => dispatch({ type: 'timer', name })))
      }
    }
  }

  // Events that come up while one is carried out wait their turn.
  const dispatch = (event: Event): void => {
    if (p.url === null) return
    queue.push(event)
    if (queue.length > 1) return
    for (let next = queue[0]; next; next = queue[0]) {
      const before = stateOf(model)
      const [reached, effects] = step(model, next, env.random())
      model = reached
      effects.forEach(perform)
      if (stateOf(model) !== before) p.changed(stateOf(model), model.lastClose)
      queue.shift()
    }
  }

  return {
    dispatch,
    failed: (code) => send(model.main?.id, { type: 'failed', code }),
    state: () => stateOf(model),
    lastClose: () => model.lastClose,
  }
}

