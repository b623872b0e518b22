import type { AnalyticsReport } from './analytics'
import type { Core } from './core'
import type { Trigger } from './guard'
import type { Settings } from './settings'
import type { SignIn } from './signin'
import type { LastError } from './stats'
import type { Answer, Held, Vault } from './vault'

/**
 * What the console's object needs of a client beyond what everybody may have. It is looked up by the client and
 * hangs on no property, so that a walk over the client meets no token.
 */
export interface Inside {
  readonly core: Core
  readonly vault: Vault
  /** The page's own fetch. */
  readonly send: typeof fetch
  readonly refreshUrl: string
  readonly ring: string
  readonly settings: () => Settings
  readonly log: (line: string) => void
  readonly count: (what: string) => void
  readonly report: (report: AnalyticsReport) => void
  readonly refresh: (trigger: Trigger) => Promise<Held>
  readonly signIn: SignIn
  /** This is the callback page, and nothing is known yet of the sign-in that ends there. */
  readonly arriving: () => boolean
  /**
   * The callback page knows how the sign-in went: with a token that was asked for at askedAt (Unix ms), or without one,
   * which is then fetched. anew: it was an ordinary sign-in. False: the token can't be read.
   */
  readonly arrive: (answer: Answer | null, askedAt: number, anew: boolean) => boolean
  /** What becomes of the sign-in that is being ended on this page. */
  handling?: Promise<string | null> | undefined
  /** Whether the ring's state asks to replace the token in use. */
  readonly stale: () => boolean
  /** Drops the token, and the memory of what a 403 has been refreshed for. */
  readonly clear: () => void
  /** Episodes of trouble since the last reset, the last failure, and what set off the last refresh. */
  readonly story: () => { readonly failures: number; readonly lastError: LastError | null; readonly lastTrigger: Trigger | null }
  /** Begins all counters anew. */
  readonly reset: () => void
  /** The app found an authentication error by itself: a new token, or a KeyturnError. */
  readonly recover: (message: string) => Promise<string>
  /** Nobody is signed in any more, in any tab, for this reason. */
  readonly leave: (code: string) => void
  /** The server's policy: settings that may not be changed. */
  readonly lock: (names: readonly string[]) => void
}

const name = Symbol.for('keyturn.insides')

/** key: a client; value: its inside. One for the page, so that parts that were bundled apart find each other. */
export const insides = (): WeakMap<object, Inside> => ((globalThis as any)[name] ??= new WeakMap())
