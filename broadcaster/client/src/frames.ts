import type { Shaped } from './shape'
import { fit, parseObject } from './shape'

/**
 * The server's frames. Names of keys are public names, never material; durations are in ms and count from
 * receipt. A message that is not exactly a frame of a known type is no frame.
 */
const name = { key: 'text', kid: 'text' } as const

const shapes = {
  /** Answers each accepted `auth`: the key that verified the token, and the life it has left. */
  welcome: { type: 'text', ...name, stale: 'flag', ttlMs: 'number', beaconMs: 'number', nowMs: 'number' },
  /**
   * The state of the ring: snapshot, push and beacon alike. rev orders the states, the greater wins; sinceMs is
   * the age of the current key; live is false while the server itself can't see the log.
   */
  state: {
    type: 'text', ring: 'text', rev: 'number', ...name, sinceMs: 'number', pending: [name],
    retiring: [{ ...name, forMs: 'number' }], refresh: { afterMs: 'number', windowMs: 'number' },
    urgency: 'text', live: 'flag',
  },
  /** This subject's permissions changed: refresh within the window. */
  claims: { type: 'text', afterMs: 'number', windowMs: 'number' },
  /** The server is about to close: open a new connection at a random moment inside withinMs. */
  drain: { type: 'text', withinMs: 'number' },
  /** Says why the connection is about to be closed, and for how long to stay away. */
  error: { type: 'text', code: 'text', retryAfterMs: 'number?' },
  pong: { type: 'text' },
} as const

type Frames = { readonly [K in keyof typeof shapes]: Shaped<(typeof shapes)[K]> & { readonly type: K } }
export type State = Frames['state']
export type Welcome = Frames['welcome']
export type Claims = Frames['claims']
export type ServerFrame = Frames[keyof Frames]

/** Decodes one message of the socket; null for whatever is not a well-formed frame of a known type. */
export function decodeFrame(data: unknown): ServerFrame | null {
  const frame = parseObject(data)
  const type = String(frame?.type)
  return Object.hasOwn(shapes, type) ? ((fit(shapes[type as keyof Frames], frame) as ServerFrame | undefined) ?? null) : null
}
