import { closeAction, keepsDistance } from './closecodes'
import { jittered } from './core'
import type { ServerFrame } from './frames'

/**
 * The life of the connection as a pure function: what has happened goes in, what to do comes out. It knows no
 * socket, no clock and no timer; the shell beside it owns those.
 */

/** What a user sees of it. */
export type ConnectionState = 'idle' | 'connecting' | 'authing' | 'open' | 'backoff' | 'stopped'

export const enum Wait {
  /** Nothing is being waited for. */
  none,
  /** The network: a better moment may cut it short. */
  network,
  /** The server asked for distance. */
  server,
  /** The token was refused; then it will be replaced. */
  token,
  /** The replacement is under way. */
  refresh,
}

export interface Model {
  /** Id of the socket in use, 0: none. Ids grow, and whatever a forgotten one still says is ignored. */
  readonly main: number
  readonly phase: 'connecting' | 'authing' | 'open'
  /** Id of the socket that will replace it in a drain, or with a newer token, 0: none. */
  readonly next: number
  readonly lastId: number
  /** Failures in a row; a connection that stands for 30 s sets it to 0. */
  readonly attempt: number
  /** There is a token to present, or the ring is public. */
  readonly wanted: boolean
  readonly stopped: boolean
  readonly offline: boolean
  /** The page is in the back/forward cache. */
  readonly frozen: boolean
  /** The page has been hidden for so long that it needs no connection. */
  readonly asleep: boolean
  readonly waiting: Wait
  /** From the last `error` frame; counts for the close that follows it. */
  readonly retryAfterMs: number
  /** From the last `drain` frame. */
  readonly drainMs: number
  readonly beaconMs: number
  readonly lastClose: number | null
}

export const enum Timer {
  /** The socket in use must get through within this time. */
  connect,
  retry,
  /** The longest silence. */
  watchdog,
  /** How long a connection must stand to count as good. */
  stable,
  /** When to open the replacement. */
  drain,
  /** The replacement must get through within this time. */
  standby,
  /** The answer to a ping. */
  probe,
  /** How long a hidden page keeps its connection. */
  hidden,
}

export const enum On {
  wanted,
  unwanted,
  /** A socket is open; with an argument: a token was presented. */
  opened,
  /** A message came, argument: the frame, null when it could not be read, which still proves life. */
  frame,
  /** Argument: the close code. */
  closed,
  /** Id: the timer. */
  timer,
  /** Another token is there. */
  token,
  /** That token can't be presented on this socket: only a new one brings it along. */
  outgrown,
  refreshFailed,
  online,
  offline,
  hidden,
  visible,
  freeze,
  thaw,
  wake,
  /** Begin anew, for another user. */
  restart,
}

/** What happened, to which socket or timer, and its argument. */
export type Event = readonly [on: On, id?: number, argument?: ServerFrame | number | boolean | null]

export const enum Do {
  open,
  close,
  auth,
  ping,
  /** Arms the timer of that id anew; null disarms it. */
  timer,
  refresh,
}

export type Effect = readonly [act: Do, id: number, ms?: number | null]

export const initial: Model = {
  main: 0, phase: 'connecting', next: 0, lastId: 0, attempt: 0, wanted: false, stopped: false, offline: false,
  frozen: false, asleep: false, waiting: Wait.none, retryAfterMs: 0, drainMs: 0, beaconMs: 25_000, lastClose: null,
}

const connectMs = 15_000
const authMs = 10_000
const silenceMs = 10_000
const stableMs = 30_000
const probeMs = 5_000
const hiddenMs = 300_000
/** Spread after a network change or a wake: a whole office comes back at once. */
const returnMs = 3_000
/** Spread after a restart that announced no drain. */
const restartMs = 5_000
const distanceMs = 10_000

/** The one word for a model. */
export function stateOf(m: Model): ConnectionState {
  return m.stopped ? 'stopped' : m.main ? m.phase : m.waiting ? 'backoff' : 'idle'
}

/** One step. roll is a fresh random number in [0, 1), the only chance in it. */
export function step(before: Model, [on, id = 0, argument]: Event, roll: number): readonly [Model, readonly Effect[]] {
  const m: { -readonly [K in keyof Model]: Model[K] } = { ...before }
  const effects: Effect[] = []
  const timer = (ms: number | null, ...ids: Timer[]): void => {
    for (const one of ids) effects.push([Do.timer, one, ms])
  }
  const open = (guard: Timer): number => {
    effects.push([Do.open, ++m.lastId])
    timer(connectMs, guard)
    return m.lastId
  }
  const close = (link: number): void => {
    if (link) effects.push([Do.close, link])
  }
  const wait = (why: Wait, ms: number): void => {
    m.waiting = why
    timer(ms, Timer.retry)
  }
  const connect = (): void => {
    if (m.main || !m.wanted || m.stopped || m.frozen || m.asleep) return
    m.waiting = m.offline ? Wait.network : Wait.none
    if (m.offline) return
    timer(null, Timer.retry)
    m.main = open(Timer.connect)
    m.phase = 'connecting'
    m.drainMs = 0
  }
  const disconnect = (): void => {
    close(m.main)
    close(m.next)
    m.main = m.next = m.waiting = 0
    timer(null, Timer.connect, Timer.retry, Timer.watchdog, Timer.stable, Timer.drain, Timer.standby, Timer.probe)
  }
  /** A better moment: come back soon, unless the server asked otherwise. */
  const soon = (): void => {
    if (m.waiting === Wait.network) wait(Wait.network, roll * returnMs)
    else if (!m.waiting) connect()
  }
  const probe = (): void => {
    if (!m.main || m.phase !== 'open') return
    effects.push([Do.ping, m.main])
    timer(probeMs, Timer.probe)
  }
  const heard = (): void => timer(m.beaconMs + silenceMs, Timer.watchdog)
  const opened = (link: number): void => {
    m.main = link
    m.phase = 'open'
    timer(null, Timer.connect)
    timer(stableMs, Timer.stable)
    heard()
  }
  const lost = (code: number): void => {
    const { attempt, retryAfterMs } = m
    m.lastClose = code
    m.retryAfterMs = 0
    timer(null, Timer.connect, Timer.watchdog, Timer.stable, Timer.drain, Timer.probe, Timer.standby)
    m.main = m.next
    m.phase = 'authing'
    m.next = 0
    if (m.main) return timer(connectMs, Timer.connect)
    switch (closeAction(code)) {
      case 'stop':
        m.stopped = true
        break
      case 'reconnect':
        wait(Wait.network, roll * (m.drainMs || restartMs))
        break
      case 'refresh':
        m.attempt++
        wait(Wait.token, Math.max(retryAfterMs, attempt && jittered(roll, attempt)))
        break
      default:
        m.attempt++
        if (keepsDistance(code)) wait(Wait.server, Math.max(retryAfterMs, distanceMs) + jittered(roll, attempt, distanceMs))
        else wait(Wait.network, Math.max(retryAfterMs, jittered(roll, attempt)))
    }
  }
  /** The replacement did not get through, and what is in use is still good for a while. */
  const later = (): void => {
    m.next = 0
    timer(null, Timer.standby)
    timer(distanceMs + roll * distanceMs, Timer.drain)
  }
  const expired = (): void => {
    switch (id as Timer) {
      case Timer.retry:
        if (m.waiting === Wait.token) {
          m.waiting = Wait.refresh
          effects.push([Do.refresh, 0])
        } else if (m.waiting !== Wait.refresh) connect()
        break
      case Timer.stable:
        m.attempt = 0
        break
      case Timer.drain:
        if (m.main && !m.next) m.next = open(Timer.standby)
        break
      case Timer.standby:
        close(m.next)
        later()
        break
      case Timer.hidden:
        m.asleep = true
        disconnect()
        break
      default:
        close(m.main)
        lost(1006)
        if (id === Timer.probe) soon()
    }
  }

  switch (on) {
    case On.wanted:
      if (!m.wanted) {
        m.wanted = true
        connect()
      }
      break
    case On.unwanted:
      m.wanted = m.stopped = false
      m.attempt = 0
      disconnect()
      break
    case On.opened:
      if (id !== m.main) break
      if (argument) {
        m.phase = 'authing'
        timer(authMs, Timer.connect)
      } else opened(id)
      break
    case On.frame: {
      const frame = argument as ServerFrame | null
      const type = frame?.type
      // A public ring answers no token; its first state says that it stands.
      const stands = type === 'welcome' || type === 'state'
      if (id === m.next && stands) {
        close(m.main)
        m.next = m.drainMs = 0
        timer(null, Timer.standby, Timer.drain, Timer.probe)
        opened(id)
      }
      if (id !== m.main) break
      if (stands && m.phase !== 'open') opened(id)
      if (type === 'welcome') m.beaconMs = frame!.beaconMs
      else if (type === 'error') m.retryAfterMs = frame!.retryAfterMs ?? 0
      else if (type === 'drain') {
        m.drainMs = frame!.withinMs
        timer(roll * m.drainMs, Timer.drain)
      }
      if (m.phase === 'open') {
        timer(null, Timer.probe)
        heard()
      }
      break
    }
    case On.closed:
      if (id === m.next) later()
      else if (id === m.main) lost(argument as number)
      break
    case On.timer:
      expired()
      break
    case On.token:
      // What a refused token was waiting for, whoever brought it.
      if (m.waiting && m.lastClose === 4401) connect()
      if (m.main) effects.push([Do.auth, m.main])
      if (m.next) effects.push([Do.auth, m.next])
      break
    case On.outgrown:
      if (id !== m.next && (id !== m.main || m.next)) break
      close(m.next)
      m.next = open(Timer.standby)
      break
    case On.refreshFailed:
      if (m.waiting === Wait.refresh) wait(Wait.server, distanceMs + jittered(roll, m.attempt, distanceMs))
      break
    case On.hidden:
      timer(hiddenMs, Timer.hidden)
      break
    case On.offline:
      m.offline = true
      break
    case On.freeze:
      m.frozen = true
      disconnect()
      break
    case On.restart:
      m.stopped = false
      m.attempt = 0
      disconnect()
      connect()
      break
    default:
      // online, visible, thaw, wake: each ends one obstacle, and is a moment to look after the connection.
      if (on === On.online) m.offline = false
      if (on === On.visible) {
        m.asleep = false
        timer(null, Timer.hidden)
      }
      if (on === On.thaw) m.frozen = false
      soon()
      probe()
  }
  return [m, effects]
}
