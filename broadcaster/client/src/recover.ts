import type { Core } from './core'
import { until } from './core'
import type { Layer, Trouble } from './episodes'
import { KeyturnError } from './errors'
import type { Guard, Trigger } from './guard'
import { readToken } from './jwt'
import { readProblem } from './problem'
import type { Settings } from './settings'
import type { Held, Vault } from './vault'
import { Act, isAboutToken, judge } from './verdict'
import { speaksOfToken } from './words'

/** One request of the app, whatever carries it. A is the carrier's own form of an answer. */
export interface Carrier<A> {
  readonly method: string
  readonly signal: AbortSignal | null
  /** False for a body that can be sent once only. */
  readonly replayable: boolean
  /** The caller says that this request has had its refresh. */
  readonly attempted: boolean
  /** The caller's own `Authorization`; null without one. */
  readonly given: string | null
  /**
   * Sends the request as it was called, with this `Authorization` (null: the caller's own; '': none, with cookies to
   * other origins, too). attempted: for the last time.
   */
  send(authorization: string | null, attempted: boolean): Promise<A>
  status(answer: A): number
  /** An answer as a response of which nothing has been read; asked for only where it may be a refusal. */
  view(answer: A): Response
}

/** Sends a request and recovers it if it is refused; resolves with the answer that is for the caller. */
export type Recover = <A>(request: Carrier<A>) => Promise<A>

export interface RecoverParts {
  readonly core: Core
  readonly vault: Vault
  readonly guard: Guard
  readonly settings: () => Settings
  readonly log: (line: string) => void
  readonly count: (what: string) => void
  /** Hears what becomes of refused requests. */
  readonly trouble: (trouble: Trouble) => void
  /**
   * The token to send; sound is false when it is known to be none that will do. patient: rather wait for a new
   * one than send one that is about to expire.
   */
  readonly token: (signal: AbortSignal | null, patient: boolean) => Promise<{ readonly held: Held | null; readonly sound: boolean }>
  readonly refresh: (trigger: Trigger, used: number) => Promise<Held>
  readonly stale: () => boolean
  /** The page is being left for a sign-in. */
  readonly leaving: () => unknown
}

/** Whether an error is for the caller, instead of the answer that was refused. */
export const isFinal = (code: string): boolean => /^(redirecting|unauthorized)$/.test(code)

const idempotent = /^(GET|HEAD|OPTIONS|PUT|DELETE|TRACE)$/i
/** Longest single wait for a server that says "try again". */
const longestWaitMs = 30_000
/** What an answer has not said of itself after so long is not waited for, in ms: its body may never end. */
const lookMs = 1_000
const { signal: never } = new AbortController()

/** Whether an answer of this status may be a refusal: 401 and 403, and all that went well where the app has named words. */
export function mayRefuse(status: number, { authWords }: Settings): boolean {
  return status === 401 || status === 403 || (!!authWords && status >= 200 && status < 300)
}

/**
 * The one engine behind all ways to send a request: it adds the token, and answers a refusal by one refresh and
 * one replay. Refreshes are shared by whatever asks for them, so that several carriers need no word between them.
 */
export function createRecover(p: RecoverParts): Recover {
  const { core, vault, guard, count, settings, trouble } = p
  const log = (line: string): void => p.log(`[fetchWithAuth] ${line}`)
  // The refresh that a 403 has set off, its delay included.
  let claimsRefresh: Promise<unknown> | null = null

  const refreshClaims = async ({ generation, claims }: Held): Promise<void> => {
    const { refreshDelayMs } = settings()
    guard.spend(claims.digest)
    log(`Waiting ${refreshDelayMs}ms before refresh...`)
    try {
      await core.pause(refreshDelayMs)
      await p.refresh('403', generation)
    } finally {
      claimsRefresh = null
    }
  }

  return async (request) => {
    const { signal, replayable, given } = request
    let { held, sound } = await p.token(signal, !replayable)
    // Credentials of the caller's own stay, unless they are an earlier token of the same subject.
    if (given && (!held?.token || readToken(given.slice(7))?.sub !== held.claims.sub)) return request.send(null, false)

    const login = vault.login()
    let attempted = !sound || request.attempted
    let replayed = false
    let reported = false
    let waits = 0
    for (;;) {
      const answer = await request.send(held && held.token && `Bearer ${held.token}`, attempted)
      const status = request.status(answer)
      if (!held) return answer
      const refusal = status === 401 || status === 403
      const problem = mayRefuse(status, settings())
        ? await until(signal, core.within(lookMs, never, (soon) => readProblem(request.view(answer), soon))) : null
      const worded = !!problem && status !== 401 && !problem.code && !problem.error && speaksOfToken(problem.message, settings().authWords)
      if (!problem || !(refusal || worded)) {
        guard.accepted()
        if (replayed || waits) trouble({ what: 'recovered' })
        return answer
      }
      const used: Held = held
      const { generation, claims: { digest } } = used
      if (status === 403) log('Got 403 Forbidden, user may need permission refresh')
      else if (replayed) guard.refused(generation)

      const now = vault.held()
      const newer = !!now && now.generation > generation
      const { code, message } = problem
      const refused = { ...problem, status, worded }
      if (!reported) {
        count('failures')
        trouble({ what: 'refused', status, code, message, late: newer })
      }
      reported = true
      const blocked = (layer: Layer): void => {
        count('blocked')
        trouble({ what: 'blocked', layer, status, code, message })
      }
      const spent = guard.spentOn(digest)
      const [act, layer, line] = judge({
        ...refused, attempted, replayable, newer, spent,
        mayWait: waits < settings().maxRetries,
        otherClaims: now?.claims.digest !== digest,
        stale: p.stale(),
        inFlight: !!(claimsRefresh || p.leaving()),
        off: !settings().autoRefreshOnError,
        on403: settings().refreshOn403,
      })
      if (line) log(line)
      if (layer) blocked(layer)
      if (act === Act.give) {
        if (!isAboutToken(refused) && (replayed || layer === 'claims')) trouble({ what: 'denied', message })
        return answer
      }
      if (act === Act.again) {
        waits++
        await core.pause(Math.min(problem.retryAfterMs! * (1 + core.roll() / 2), longestWaitMs), signal)
      } else {
        if (worded) guard.spend(digest)
        try {
          if (act === Act.refresh) await until(signal, p.refresh('401', generation))
          else if (act === Act.join && !claimsRefresh) await p.refresh('403', generation)
          else if (act !== Act.replay) await until(signal, (claimsRefresh ??= refreshClaims(used)))
        } catch (error) {
          // Where the page is left, or its user has to sign in, no answer of before is of use.
          if (!(error instanceof KeyturnError) || isFinal(error.code)) throw error
          log(`Error during refresh: ${error.message}`)
          if (error.code === 'budget_spent') blocked('budget')
          if (error.code === 'breaker_open') blocked('breaker')
          // A 403 that was refreshed for in vain has not had its refresh.
          if (status === 403) guard.spend('')
          return answer
        }
        attempted = replayed = true
        held = vault.held()
        // Nor has anything been applied when a role was missing; after any other 403 only what may be repeated is.
        if (!isAboutToken(refused) && code !== 'role_missing' && !idempotent.test(request.method)) return answer
      }
      // Another user may have signed in meanwhile; nobody's request is sent in another's name.
      if (login !== vault.login()) return answer
      count('replays')
    }
  }
}
