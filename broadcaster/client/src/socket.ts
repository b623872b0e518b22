import type { ConnectionState, Effect, Event, Model } from './connection'
import { Do, initial, On, stateOf, step } from './connection'
import type { Core } from './core'
import type { ServerFrame } from './frames'
import { decodeFrame } from './frames'
import type { SocketLike } from './scope'
import type { Held } from './vault'

/** The subprotocol that is offered, and the only one that is spoken. */
export const subprotocol = 'keyturn.v1'

/** The connection to the server: carries out what the state machine decides. */
export interface Connection {
  dispatch(...event: Event): void
  /** Reports a refresh that failed; nothing happens without an open connection. */
  failed(code: string): void
  state(): ConnectionState
  lastClose(): number | null
}

/** What the connection needs and reports. */
export interface ConnectionParts {
  readonly held: () => Held | null
  /** generation: of the token that a welcome answers; 0 for other frames. */
  readonly received: (frame: ServerFrame, generation: number) => void
  readonly changed: (state: ConnectionState, lastClose: number | null) => void
  /** The token of this generation was refused, for a reason of the server's: replace it, then say `token` or `refreshFailed`. */
  readonly refused: (generation: number, code: string) => void
}

/** A connection to url; without one, nothing ever happens. */
export function createConnection(core: Core, url: string | null, p: ConnectionParts): Connection {
  let model: Model = { ...initial, offline: !core.scope.navigator.onLine }
  let lastPresented = 0
  let lastError = ''
  // key: id of the socket; value: it, the generation of the cookie it was opened with, and the generations presented on
  // it and not yet welcomed, oldest first
  const wires = new Map<number, { readonly socket: SocketLike; readonly born: number; readonly presented: number[]; last: number }>()
  // index: Timer; value: what cancels it
  const timers: ((() => void) | undefined)[] = []
  const queue: Event[] = []

  /** False when the socket is not open, not yet or no more; its own events say the rest. */
  const send = (id: number, frame: object): boolean => {
    try {
      wires.get(id)!.socket.send(JSON.stringify(frame))
      return true
    } catch {
      return false
    }
  }

  /** Presents the token in use, once a socket; false without a token. One in a cookie only a new socket brings along. */
  const present = (id: number): boolean => {
    const held = p.held()
    const wire = wires.get(id)
    if (!held || !wire) return false
    const { generation, token } = held
    if (wire.last === generation) return true
    if (!token && wire.born !== generation) dispatch(On.outgrown, id)
    else if (send(id, { type: 'auth', token: token || undefined })) wire.presented.push((wire.last = lastPresented = generation))
    return true
  }

  const open = (id: number): void => {
    const closed = ({ code }: { code: number }): void => {
      wires.delete(id)
      dispatch(On.closed, id, code)
      // Refused for a token that has been replaced meanwhile: nothing is to be waited for.
      if (!model.main && (p.held()?.generation ?? 0) > lastPresented) dispatch(On.token)
    }
    try {
      const socket = new core.scope.WebSocket(url!, [subprotocol])
      const wire = { socket, born: p.held()?.generation ?? 0, presented: [] as number[], last: 0 }
      wires.set(id, wire)
      socket.onopen = () => dispatch(On.opened, id, present(id))
      socket.onclose = closed
      socket.onmessage = ({ data }: { data: unknown }) => {
        if (!wires.has(id)) return
        const frame = decodeFrame(data)
        if (frame?.type === 'error') lastError = frame.code
        dispatch(On.frame, id, frame)
        if (frame) p.received(frame, (frame.type === 'welcome' && wire.presented.shift()) || 0)
      }
    } catch {
      closed({ code: 1006 })
    }
  }

  const perform = ([act, id, ms = null]: Effect): void => {
    if (act === Do.open) open(id)
    else if (act === Do.close) {
      const wire = wires.get(id)
      wires.delete(id)
      wire?.socket.close(1000)
    } else if (act === Do.auth) present(id)
    else if (act === Do.ping) send(id, { type: 'ping' })
    else if (act === Do.refresh) p.refused(lastPresented, lastError)
    else {
      timers[id]?.()
      timers[id] = ms === null ? undefined : core.after(ms, () => dispatch(On.timer, id))
    }
  }

  // Events that come up while one is carried out wait their turn.
  const dispatch = (...event: Event): void => {
    if (url === null || queue.push(event) > 1) return
    for (let next = queue[0]; next; next = queue[0]) {
      const before = stateOf(model)
      const [reached, effects] = step(model, next, core.roll())
      model = reached
      effects.forEach(perform)
      if (stateOf(model) !== before) p.changed(stateOf(model), model.lastClose)
      queue.shift()
    }
  }

  return {
    dispatch,
    failed: (code) => send(model.main, { type: 'failed', code }),
    state: () => stateOf(model),
    lastClose: () => model.lastClose,
  }
}
