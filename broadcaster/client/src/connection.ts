import { closeAction, keepsDistance } from './closecodes'
import type { ServerFrame } from './frames'
import { jittered } from './timers'

/**
 * The life of the connection as a pure function: what has happened goes in, what to do comes out. It knows no
 * socket, no clock and no timer; the shell beside it owns those.
 */

/** What a user sees of it. */
export type ConnectionState = 'idle' | 'connecting' | 'authing' | 'open' | 'backoff' | 'stopped'

/** One socket; ids grow, and whatever a forgotten id still says is ignored. */
export interface Link {
  readonly id: number
  readonly phase: 'connecting' | 'authing' | 'open'
}

export interface Model {
  /** The socket in use, and the one that will replace it in a drain. */
  readonly main: Link | null
  readonly next: Link | null
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
  /** Why there is no connection: network trouble, the server's wish, a refused token, its replacement. */
  readonly waiting: null | 'network' | 'server' | 'token' | 'refresh'
  /** From the last `error` frame; counts for the close that follows it. */
  readonly retryAfterMs: number
  /** From the last `drain` frame. */
  readonly drainMs: number
  readonly beaconMs: number
  readonly lastClose: number | null
}

export type TimerName =
  | 'connect' // the socket in use must get through within this time
  | 'retry' // the next attempt
  | 'watchdog' // the longest silence
  | 'stable' // how long a connection must stand to count as good
  | 'drain' // when to open the replacement
  | 'standby' // the replacement must get through within this time
  | 'probe' // the answer to a ping
  | 'hidden' // how long a hidden page keeps its connection

export type Event =
  | { readonly type: 'wanted'; readonly value: boolean }
  | { readonly type: 'opened'; readonly id: number; readonly authed: boolean }
  /** Any message; frame is null when it could not be read, which still proves life. */
  | { readonly type: 'frame'; readonly id: number; readonly frame: ServerFrame | null }
  | { readonly type: 'closed'; readonly id: number; readonly code: number }
  | { readonly type: 'timer'; readonly name: TimerName }
  | { readonly type: 'token' | 'refreshfailed' | 'online' | 'offline' | 'hidden' | 'visible' }
  | { readonly type: 'freeze' | 'thaw' | 'wake' | 'restart' }

export type Effect =
  | { readonly do: 'open' | 'close' | 'auth' | 'ping'; readonly id: number }
  /** Arms the timer anew; null disarms it. */
  | { readonly do: 'timer'; readonly name: TimerName; readonly ms: number | null }
  | { readonly do: 'refresh' }

export const limits = {
  connectMs: 15_000,
  authMs: 10_000,
  silenceMs: 10_000,
  stableMs: 30_000,
  probeMs: 5_000,
  hiddenMs: 300_000,
  /** Spread after a network change or a wake: a whole office comes back at once. */
  returnMs: 3_000,
  /** Spread after a restart that announced no drain. */
  restartMs: 5_000,
  distanceMs: 10_000,
}

export const initial: Model = {
  main: null, next: null, lastId: 0, attempt: 0, wanted: false, stopped: false, offline: false, frozen: false,
  asleep: false, waiting: null, retryAfterMs: 0, drainMs: 0, beaconMs: 25_000, lastClose: null,
}

/** The one word for a model. */
export function stateOf(m: Model): ConnectionState {
  return m.stopped ? 'stopped' : m.main ? m.main.phase : m.waiting ? 'backoff' : 'idle'
}

type Draft = { -readonly [K in keyof Model]: Model[K] }

/** One step. roll is a fresh random number in [0, 1), the only chance in it. */
export function step(before: Model, event: Event, roll: number): readonly [Model, readonly Effect[]] {
  const m: Draft = { ...before }
  const effects: Effect[] = []
  const timer = (ms: number | null, ...names: TimerName[]): void => {
    for (const name of names) effects.push({ do: 'timer', name, ms })
  }
  const able = (): boolean => m.wanted && !m.stopped && !m.frozen && !m.asleep
  const open = (name: TimerName): Link => {
    effects.push({ do: 'open', id: ++m.lastId })
    timer(limits.connectMs, name)
    return { id: m.lastId, phase: 'connecting' }
  }
  const drop = (link: Link | null): void => {
    if (link) effects.push({ do: 'close', id: link.id })
  }
  const wait = (why: Model['waiting'], ms: number): void => {
    m.waiting = why
    timer(ms, 'retry')
  }
  const connect = (): void => {
    if (!able() || m.main) return
    if (m.offline) {
      m.waiting = 'network'
      return
    }
    m.waiting = null
    timer(null, 'retry')
    m.main = open('connect')
  }
  const disconnect = (): void => {
    drop(m.main)
    drop(m.next)
    m.main = m.next = m.waiting = null
    timer(null, 'connect', 'retry', 'watchdog', 'stable', 'drain', 'standby', 'probe')
  }
  const soon = (): void => {
    if (m.waiting === 'network') wait('network', roll * limits.returnMs)
    else if (!m.waiting) connect()
  }
  const probe = (): void => {
    if (m.main?.phase !== 'open') return
    effects.push({ do: 'ping', id: m.main.id })
    timer(limits.probeMs, 'probe')
  }
  const lost = (code: number): void => {
    m.lastClose = code
    timer(null, 'connect', 'watchdog', 'stable', 'drain', 'probe')
    m.main = m.next
    m.next = null
    if (m.main) {
      timer(null, 'standby')
      timer(limits.connectMs, 'connect')
      return
    }
    const stay = m.retryAfterMs
    m.retryAfterMs = 0
    const attempt = m.attempt
    switch (closeAction(code)) {
      case 'stop':
        m.stopped = true
        return
      case 'reconnect':
        return wait('network', roll * (m.drainMs || limits.restartMs))
      case 'refresh':
        m.attempt++
        return wait('token', Math.max(stay, attempt && jittered(roll, attempt)))
      case 'backoff':
        m.attempt++
        if (!keepsDistance(code)) return wait('network', Math.max(stay, jittered(roll, attempt)))
        wait('server', Math.max(stay, limits.distanceMs) + jittered(roll, attempt, limits.distanceMs))
    }
  }
  const opened = (): void => {
    timer(null, 'connect')
    timer(limits.stableMs, 'stable')
    timer(m.beaconMs + limits.silenceMs, 'watchdog')
  }

  switch (event.type) {
    case 'wanted':
      if (m.wanted === event.value) break
      m.wanted = event.value
      if (m.wanted) connect()
      else {
        disconnect()
        m.stopped = false
        m.attempt = 0
      }
      break
    case 'opened': {
      const phase = event.authed ? 'authing' : 'open'
      if (m.next?.id === event.id) m.next = { ...m.next, phase: 'authing' }
      if (m.main?.id !== event.id) break
      m.main = { ...m.main, phase }
      if (event.authed) timer(limits.authMs, 'connect')
      else opened()
      break
    }
    case 'frame': {
      const { id, frame } = event
      if (m.next?.id === id && (frame?.type === 'welcome' || frame?.type === 'state')) {
        drop(m.main)
        m.main = { id, phase: 'open' }
        m.next = null
        m.drainMs = 0
        timer(null, 'standby', 'drain', 'probe')
        opened()
      }
      if (m.main?.id !== id) break
      if (frame?.type === 'welcome') {
        m.beaconMs = frame.beaconMs
        if (m.main.phase !== 'open') {
          m.main = { id, phase: 'open' }
          m.drainMs = 0
          opened()
        }
      }
      if (frame?.type === 'error') m.retryAfterMs = frame.retryAfterMs
      if (frame?.type === 'drain') {
        m.drainMs = frame.withinMs
        timer(roll * frame.withinMs, 'drain')
      }
      if (m.main.phase === 'open') {
        timer(null, 'probe')
        timer(m.beaconMs + limits.silenceMs, 'watchdog')
      }
      break
    }
    case 'closed':
      if (m.next?.id === event.id) {
        m.next = null
        timer(null, 'standby')
      } else if (m.main?.id === event.id) lost(event.code)
      break
    case 'timer':
      switch (event.name) {
        case 'retry':
          if (!m.waiting || m.waiting === 'refresh') break
          if (!able() || m.offline) m.waiting = 'network'
          else if (m.waiting === 'token') {
            m.waiting = 'refresh'
            effects.push({ do: 'refresh' })
          } else connect()
          break
        case 'stable':
          m.attempt = 0
          break
        case 'drain':
          if (m.main?.phase === 'open' && !m.next && able()) m.next = open('standby')
          break
        case 'standby':
          drop(m.next)
          m.next = null
          break
        case 'hidden':
          m.asleep = true
          disconnect()
          break
        case 'connect':
        case 'watchdog':
          drop(m.main)
          lost(1006)
          break
        case 'probe':
          drop(m.main)
          lost(1006)
          soon()
      }
      break
    case 'token':
      if (m.waiting === 'refresh') {
        m.waiting = null
        connect()
      }
      for (const link of [m.main, m.next]) {
        if (link && link.phase !== 'connecting') effects.push({ do: 'auth', id: link.id })
      }
      break
    case 'refreshfailed':
      if (m.waiting === 'refresh') {
        wait('server', limits.distanceMs + jittered(roll, m.attempt, limits.distanceMs))
      }
      break
    case 'offline':
      m.offline = true
      break
    case 'online':
      m.offline = false
      soon()
      probe()
      break
    case 'hidden':
      timer(limits.hiddenMs, 'hidden')
      break
    case 'visible':
      m.asleep = false
      timer(null, 'hidden')
      soon()
      break
    case 'freeze':
      m.frozen = true
      disconnect()
      break
    case 'thaw':
      m.frozen = false
      connect()
      break
    case 'wake':
      soon()
      probe()
      break
    case 'restart':
      m.stopped = false
      m.attempt = 0
      disconnect()
      connect()
  }
  return [m, effects]
}
