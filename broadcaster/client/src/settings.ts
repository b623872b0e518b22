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
  /** Time for the server to process a change of permissions before a 403 refreshes, in ms; at most a minute. */
  readonly refreshDelayMs: number
  /** How often an answer that says "try again" is waited for, per request. */
  readonly maxRetries: number
}

export const defaults: Settings = {
  getToken: null, refresh: null, debug: false, refreshOn403: 'once', refreshDelayMs: 500, maxRetries: 3,
}

/**
 * Settings with changes applied. A value that will not do becomes the default; a name that is none throws, and
 * then nothing has changed.
 */
export function configured(before: Settings, changes: object): Settings {
  const next: Record<string, unknown> = { ...before }
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(defaults, name)) throw new TypeError(`configure: there is no setting ${name}`)
    const usual = defaults[name as keyof Settings]
    const good = typeof value === (usual === null ? 'function' : typeof usual) &&
      (typeof usual !== 'number' || (value >= 0 && value <= 60_000)) &&
      (typeof usual !== 'string' || /^(once|ifStale|never)$/.test(value))
    next[name] = good ? value : usual
  }
  return next as unknown as Settings
}
