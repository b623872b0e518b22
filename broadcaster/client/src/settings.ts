import type { AppToken } from './endpoint'
import type { RefreshOn403 } from './verdict'

/** What may change while the client runs. Endpoints and origins may not: they decide where the token goes. */
export interface Settings {
  /** The app's own source of the current token; null when nobody is signed in. */
  readonly getToken: (() => Promise<string | null> | string | null) | null
  /** The app's own way to a new token. */
  readonly refresh: (() => Promise<string | AppToken>) | null
  /** Verbose lines in the console; `localStorage.debug = 'keyturn'` does the same. */
  readonly debug: boolean
  /** Which 403 is answered by a refresh: each one once per claims, only under a stale key, none. */
  readonly refreshOn403: RefreshOn403
  /** Time for the server to process a change of permissions before a 403 refreshes, in ms. */
  readonly refreshDelayMs: number
  /** How often an answer that says "try again" is waited for, per request; at most 10. */
  readonly maxRetries: number
}

export const defaults: Settings = {
  getToken: null, refresh: null, debug: false, refreshOn403: 'once', refreshDelayMs: 500, maxRetries: 3,
}

const count = (most: number) => (v: unknown): boolean => typeof v === 'number' && v >= 0 && v <= most
const call = (v: unknown): boolean => v === null || typeof v === 'function'

/** key: setting; value: whether a value will do */
const checks: { readonly [K in keyof Settings]: (v: unknown) => boolean } = {
  getToken: call,
  refresh: call,
  debug: (v) => typeof v === 'boolean',
  refreshOn403: (v) => v === 'once' || v === 'ifStale' || v === 'never',
  refreshDelayMs: count(60_000),
  maxRetries: count(10),
}

/**
 * Settings with changes applied. A value that will not do becomes the default; a name that is none throws, and
 * then nothing has changed.
 */
export function configured(before: Settings, changes: unknown): Settings {
  const next: Record<string, unknown> = { ...before }
  for (const [name, value] of Object.entries(changes ?? {})) {
    if (!Object.hasOwn(checks, name)) {
      throw new TypeError(`configure: ${JSON.stringify(name)} can't be set; known are ${Object.keys(checks).join(', ')}`)
    }
    if (value === undefined) continue
    const key = name as keyof Settings
    next[key] = checks[key](value) ? value : defaults[key]
  }
  return next as unknown as Settings
}
