import type { AnalyticsReport } from './analytics'
import type { AppToken } from './endpoint'
import type { Redirect } from './redirect'
import type { SignInMode } from './signin'
import type { RefreshOn403 } from './verdict'

/**
 * What may change while the client runs. It lives in the memory of this tab: a reload returns to what the page
 * was delivered with. Endpoints and origins are no settings: they decide where the token goes.
 */
export interface Settings {
  /** The app's own source of the current token; null when nobody is signed in. */
  readonly getToken: (() => Promise<string | null> | string | null) | null
  /** The app's own way to a new token; null when only a sign-in helps. */
  readonly refresh: (() => Promise<string | AppToken | null>) | null
  /** Gets one report for each thing that happened; nothing in it names a user. */
  readonly analytics: ((report: AnalyticsReport) => void) | null
  /** False: no refresh after a failure, nor for a turned key; asked for and at the end of a token's life it goes on. */
  readonly autoRefreshOnError: boolean
  /** Verbose lines in the console; `localStorage.debug = 'keyturn'` does the same. */
  readonly debug: boolean
  /** Which 403 is answered by a refresh: each one once per claims, only under a stale key, none. */
  readonly refreshOn403: RefreshOn403
  /** Time for the server to process a change of permissions before a 403 refreshes, in ms; at most a minute. */
  readonly refreshDelayMs: number
  /** How often an answer that says "try again" is waited for, per request; at most 10. */
  readonly maxRetries: number
  /** A token with less life left, in ms, is replaced in use; at most an hour, never more than half its life. */
  readonly refreshThreshold: number
  /** How long a token whose life nobody told is used before it is replaced, in ms; a second to a day. */
  readonly cacheTimeout: number
  /** How long the notice of a success stays, in ms; half a second to a minute. */
  readonly successDismissMs: number
  /** Whether a success is shown: after a failure that a user could notice, after each one, never. */
  readonly notifyOnSuccess: 'auto' | 'always' | 'never'
  /** Path of this origin to return to when the place a user came from is not known. */
  readonly defaultReturnPath: string
  /** Path below which the app lives; begins and ends with a slash. */
  readonly basePath: string
  /** Identity provider to sign in with; '' leaves it to the server. */
  readonly provider: string
  /** Audience to ask a token for; '' leaves it to the server. */
  readonly audience: string
  /** How people are signed in again when their session is over. */
  readonly signIn: SignInMode
  /**
   * Called before the page is left for a sign-in, to save drafts: a promise is waited for, 5 s at most. false keeps the
   * user here; so does an error, unless the user has asked to go.
   */
  readonly onBeforeRedirect: ((redirect: Redirect) => Promise<unknown> | unknown) | null
  /** How long the callback page shows where it leads before it goes there, in ms; at most ten seconds. */
  readonly callbackDelayMs: number
  /** Whom a user can turn to. */
  readonly contact: { readonly text: string; readonly url: string } | null
  /** BCP 47 tag of the notice's language; '' follows the page. */
  readonly language: string
  /** Words and phrases by which an error text counts as an authentication failure; null: the usual ones. */
  readonly authWords: readonly string[] | null
}

export const defaults: Settings = {
  getToken: null, refresh: null, analytics: null, autoRefreshOnError: true, debug: false, refreshOn403: 'once',
  refreshDelayMs: 500, maxRetries: 3, refreshThreshold: 60_000, cacheTimeout: 300_000, successDismissMs: 3_000,
  notifyOnSuccess: 'auto', defaultReturnPath: '/ui/reports', basePath: '/ui/', provider: '', audience: '',
  signIn: 'off', onBeforeRedirect: null, callbackDelayMs: 0, contact: null, language: '', authWords: null,
}

/** key: setting; value: its smallest and greatest value. */
const ranges: Readonly<Record<string, readonly [number, number]>> = {
  refreshDelayMs: [0, 60_000], maxRetries: [0, 10], refreshThreshold: [0, 3_600_000],
  cacheTimeout: [1_000, 86_400_000], successDismissMs: [500, 60_000], callbackDelayMs: [0, 10_000],
}

/** key: setting; value: what its text must look like. A path of another origin is none (`//`, `/\`). */
const texts: Readonly<Record<string, RegExp>> = {
  refreshOn403: /^(once|ifStale|never)$/, notifyOnSuccess: /^(auto|always|never)$/,
  signIn: /^(off|silent|auto|redirect)$/, defaultReturnPath: /^\/(?![/\\])/, basePath: /^\/(?![/\\])(.*\/)?$/,
}

const isText = (value: any): boolean => typeof value === 'string' && value.length <= 512

function good(name: string, value: any): boolean {
  const usual: unknown = defaults[name as keyof Settings]
  if (value === null) return usual === null
  if (name === 'contact') return isText(value.text) && isText(value.url) && /^(https?:|mailto:|\/(?!\/)|$)/.test(value.url)
  if (name === 'authWords') return Array.isArray(value) && value.length <= 64 && value.every(isText)
  if (typeof value !== (usual === null ? 'function' : typeof usual)) return false
  const [least, most] = ranges[name] ?? [value, value]
  return value >= least && value <= most && (typeof value !== 'string' || (isText(value) && (texts[name] ?? /^/).test(value)))
}

/** The known name that shares the most neighbouring letters with an unknown one. */
function nearest(name: string): string {
  const near = (known: string): number =>
    3 * [...known].filter((_, at) => name.toLowerCase().includes(known.toLowerCase().slice(at, at + 2))).length - Math.abs(known.length - name.length)
  return Object.keys(defaults).reduce((best, known) => (near(known) > near(best) ? known : best))
}

/**
 * Settings with changes applied. A value that will not do becomes the default; a name that is none throws, naming
 * the nearest, and one that the server has locked throws too; then nothing has changed.
 */
export function configured(before: Settings, changes: object, locked: readonly string[] = []): Settings {
  const next: Record<string, unknown> = { ...before }
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(defaults, name)) {
      throw new TypeError(/url|origin|endpoint|^ring$/i.test(name)
        ? `configure: ${name} is fixed once the client runs: it decides where the token goes`
        : `configure: there is no setting ${name}; did you mean ${nearest(name)}?`)
    }
    if (locked.includes(name)) throw new TypeError(`configure: ${name} is locked by the server's policy: ask whoever runs it`)
    next[name] = good(name, value) ? value : defaults[name as keyof Settings]
  }
  return next as unknown as Settings
}
