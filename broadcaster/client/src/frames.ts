/**
 * The server's frames, decoded from foreign bytes. A frame that is not exactly as it must be is no frame:
 * the decoder answers null, never throws, and copies nothing but the fields it knows.
 */

/** One key by its public name; never material. */
export interface KeyName {
  readonly key: string
  readonly kid: string
}

/** Answers each accepted `auth`: which key verified the token, and how long it is still good. */
export interface Welcome {
  readonly type: 'welcome'
  readonly session: string
  readonly key: string
  readonly kid: string
  /** The token's key retires, or the token expired less than the grace ago. */
  readonly stale: boolean
  readonly ttlMs: number
  readonly beaconMs: number
  /** The server's clock, in Unix ms. */
  readonly nowMs: number
}

/** The state of the ring: snapshot, push and beacon alike. Durations count from receipt. */
export interface State {
  readonly type: 'state'
  readonly ring: string
  /** Orders the states of a ring; the greater wins. */
  readonly rev: number
  readonly key: string
  readonly kid: string
  /** How long ago `key` became the current one. */
  readonly sinceMs: number
  readonly pending: readonly KeyName[]
  readonly retiring: readonly (KeyName & { readonly forMs: number })[]
  readonly refresh: { readonly afterMs: number; readonly windowMs: number }
  readonly urgency: 'planned' | 'compromise'
  /** False while the server itself can't see the log: nothing is decided by such a state. */
  readonly live: boolean
}

/** This subject's permissions changed: refresh within the window. */
export interface Claims {
  readonly type: 'claims'
  readonly afterMs: number
  readonly windowMs: number
}

/** The server is about to close: open a new connection at a random moment inside `withinMs`. */
export interface Drain {
  readonly type: 'drain'
  readonly withinMs: number
}

/** Says why the connection is about to be closed, and for how long to stay away. */
export interface Refusal {
  readonly type: 'error'
  readonly code: string
  readonly message: string
  readonly retryAfterMs: number
}

export interface Pong {
  readonly type: 'pong'
}

export type ServerFrame = Welcome | State | Claims | Drain | Refusal | Pong

/** Longest frame that is looked at, in UTF-16 units: a state with the most keys stays far below. */
const maxFrame = 65536
/** Longest name, code or message that is kept. */
const maxText = 512
/** Most keys in one list. */
const maxKeys = 64
/** Longest duration that is believed: ten years, far beyond any window and far below an overflow. */
const maxMs = 3.2e11

type Fields = Readonly<Record<string, unknown>>

const isObject = (v: unknown): v is Fields => typeof v === 'object' && v !== null && !Array.isArray(v)
const isText = (v: unknown): v is string => typeof v === 'string' && v.length <= maxText
const isMs = (v: unknown): v is number => typeof v === 'number' && v >= 0 && v <= maxMs

function named(v: unknown): v is Fields & KeyName {
  return isObject(v) && isText(v.key) && isText(v.kid)
}

function list<T>(v: unknown, one: (v: unknown) => T | null): readonly T[] | null {
  if (!Array.isArray(v) || v.length > maxKeys) return null
  const out: T[] = []
  for (const item of v) {
    const decoded = one(item)
    if (!decoded) return null
    out.push(decoded)
  }
  return out
}

function decodeState(f: Fields): State | null {
  const { ring, rev, sinceMs, refresh, urgency, live } = f
  const pending = list(f.pending, (v) => (named(v) ? { key: v.key, kid: v.kid } : null))
  const retiring = list(f.retiring, (v) =>
    named(v) && isMs(v.forMs) ? { key: v.key, kid: v.kid, forMs: v.forMs } : null,
  )
  if (
    !isText(ring) || !Number.isSafeInteger(rev) || (rev as number) < 1 || !named(f) || !isMs(sinceMs) ||
    !pending || !retiring || !isObject(refresh) || !isMs(refresh.afterMs) || !isMs(refresh.windowMs) ||
    (urgency !== 'planned' && urgency !== 'compromise') || typeof live !== 'boolean'
  ) {
    return null
  }
  return {
    type: 'state', ring, rev: rev as number, key: f.key, kid: f.kid, sinceMs, pending, retiring,
    refresh: { afterMs: refresh.afterMs, windowMs: refresh.windowMs }, urgency, live,
  }
}

/** Decodes one message of the socket; null for whatever is not a well-formed frame of a known type. */
export function decodeFrame(data: unknown): ServerFrame | null {
  if (typeof data !== 'string' || data.length > maxFrame) return null
  let f: unknown
  try {
    f = JSON.parse(data)
  } catch {
    return null
  }
  if (!isObject(f)) return null
  switch (f.type) {
    case 'state':
      return decodeState(f)
    case 'welcome': {
      const { session, stale, ttlMs, beaconMs, nowMs } = f
      if (!named(f) || !isText(session) || typeof stale !== 'boolean' || !isMs(ttlMs) || !isMs(beaconMs)) return null
      if (typeof nowMs !== 'number' || !(nowMs >= 0)) return null
      return { type: 'welcome', session, key: f.key, kid: f.kid, stale, ttlMs, beaconMs, nowMs }
    }
    case 'claims':
      return isMs(f.afterMs) && isMs(f.windowMs)
        ? { type: 'claims', afterMs: f.afterMs, windowMs: f.windowMs }
        : null
    case 'drain':
      return isMs(f.withinMs) ? { type: 'drain', withinMs: f.withinMs } : null
    case 'error': {
      const { code, message = '', retryAfterMs = 0 } = f
      return isText(code) && isText(message) && isMs(retryAfterMs)
        ? { type: 'error', code, message, retryAfterMs }
        : null
    }
    case 'pong':
      return { type: 'pong' }
    default:
      return null
  }
}
