import type { ConnectionState, Effect, Event, Model } from './connection'
import { Do, initial, On, stateOf, step } from './connection'
import type { Core } from './core'
import { createEventStreams } from './eventstream'
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
  /** The way of the connection that is in use; null: there is none. */
  transport(): Transport | null
}

/** Server-sent events take the place of the WebSocket where a proxy blocks those. */
export type Transport = 'websocket' | 'events'

/** What the connection needs and reports. */
export interface ConnectionParts {
  /** The token to present; bound: on a connection that can't be given another one later. */
  readonly held: (bound: boolean) => Held | null
  /** The page's own fetch. */
  readonly send: typeof fetch
  /** generation: of the token that a welcome answers; 0 for other frames. */
  readonly received: (frame: ServerFrame, generation: number) => void
  readonly changed: (state: ConnectionState, lastClose: number | null) => void
  /** The token of this generation was refused, for a reason of the server's: replace it, then say `token` or `refreshFailed`. */
  readonly refused: (generation: number, code: string) => void
}

/** A connection to url; without one ('') nothing ever happens. */
export function createConnection(core: Core, url: string, p: ConnectionParts): Connection {
  let model: Model = { ...initial, offline: !core.scope.navigator.onLine }
  let lastPresented = 0
  let lastError = ''
  // Openings in a row that led nowhere. Below 0: a WebSocket has worked here, so a server that is down is the likelier reason for that many.
  let barred = 0
  // key: id of the socket; value: it, whether it is an event stream, the generation of the token it was opened with, and the generations
  // presented on it and not yet welcomed, oldest first
  const wires = new Map<number, { readonly socket: SocketLike; readonly events: boolean; readonly born: number; readonly presented: number[]; last: number }>()
  // index: Timer; value: what cancels it
  const timers: ((() => void) | undefined)[] = []
  const queue: Event[] = []
  const stream = createEventStreams(core, p.send, url.replace('ws', 'http'))

  /** False when the socket is not open, not yet or no more; its own events say the rest. */
  const send = (id: number, frame: object): boolean => {
    try {
      wires.get(id)!.socket.send(JSON.stringify(frame))
      return true
    } catch {
      return false
    }
  }

  /** Presents the token in use, once a socket; false without a token. One that its opening brings along takes a new socket. */
  const present = (id: number): boolean => {
    const wire = wires.get(id)
    const held = wire && p.held(wire.events)
    if (!held) return false
    const { generation, token } = held
    if (wire.last === generation) return true
    if ((!token || wire.events) && wire.born !== generation) dispatch(On.outgrown, id)
    else if (send(id, { type: 'auth', token: token || undefined })) wire.presented.push((wire.last = lastPresented = generation))
    return true
  }

  /** The first two openings are WebSockets, eight where they have worked; then a proxy may block them, and event streams take turns with them. */
  const open = (id: number): void => {
    const events = barred > 1 && barred % 2 === 0
    const closed = ({ code }: { code: number }): void => {
      // WebSockets are still blocked: what replaces an event stream is another one, at once.
      if (wires.delete(id) && barred === 2 && wires.get(model.main)?.events) return open(id)
      dispatch(On.closed, id, code)
      // Refused for a token that has been replaced meanwhile: nothing is to be waited for.
      if (!model.main && (p.held(false)?.generation ?? 0) > lastPresented) dispatch(On.token)
    }
    barred++
    try {
      const held = p.held(events)
      const socket = events ? stream(held?.token) : new core.scope.WebSocket(url, [subprotocol])
      const wire = { socket, events, born: held?.generation ?? 0, presented: [] as number[], last: 0 }
      wires.set(id, wire)
      socket.onopen = () => {
        // So each new token tries a WebSocket once more.
        if (events) barred = 1
        dispatch(On.opened, id, present(id))
      }
      socket.onclose = closed
      socket.onmessage = ({ data }: { data: unknown }) => {
        if (!wires.has(id)) return
        if (!events) barred = -6
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
    else if (act === Do.ping) {
      // An event stream can't be asked: one of its kind, at once, takes its place.
      if (!wires.get(id)?.events) return void send(id, { type: 'ping' })
      barred = 2
      dispatch(On.outgrown, id)
    }
    else if (act === Do.refresh) p.refused(lastPresented, lastError)
    else {
      timers[id]?.()
      timers[id] = ms === null ? undefined : core.after(ms, () => dispatch(On.timer, id))
    }
  }

  // Events that come up while one is carried out wait their turn.
  const dispatch = (...event: Event): void => {
    if (!url || queue.push(event) > 1) return
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
    transport: () => {
      const wire = wires.get(model.main)
      return wire ? (wire.events ? 'events' : 'websocket') : null
    },
  }
}
