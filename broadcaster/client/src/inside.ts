import type { Core } from './core'
import type { Trigger } from './guard'
import type { Settings } from './settings'
import type { LastError } from './stats'
import type { Vault } from './vault'

/**
 * What the console's object needs of a client beyond what everybody may have. It is looked up by the client and
 * hangs on no property, so that a walk over the client meets no token.
 */
export interface Inside {
  readonly core: Core
  readonly vault: Vault
  readonly send: typeof fetch
  readonly refreshUrl: string
  readonly ring: string
  readonly settings: () => Settings
  readonly log: (line: string) => void
  readonly count: (what: string) => void
  /** Episodes of trouble since the last reset, the last failure, and what set off the last refresh. */
  readonly story: () => { readonly failures: number; readonly lastError: LastError | null; readonly lastTrigger: Trigger | null }
  /** Begins all counters anew. */
  readonly reset: () => void
  /** The app found an authentication error by itself: a new token, or a KeyturnError. */
  readonly recover: (message: string) => Promise<string>
  /** The server's policy: settings that may not be changed. */
  readonly lock: (names: readonly string[]) => void
}

/** key: a client; value: its inside */
export const insides = new WeakMap<object, Inside>()
