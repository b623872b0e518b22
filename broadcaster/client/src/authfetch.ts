import type { Core } from './core'
import { until } from './core'
import { KeyturnError } from './errors'
import type { Guard, Trigger } from './guard'
import { readToken } from './jwt'
import { readProblem } from './problem'
import type { Settings } from './settings'
import type { Held, Vault } from './vault'
import { Act, isAboutToken, judge } from './verdict'

/** `fetch` options, and the mark by which a request says that it has had its refresh. */
export type AuthRequestInit = RequestInit & { readonly _attemptedRefresh?: boolean }
export type AuthFetch = (input: RequestInfo | URL, init?: AuthRequestInit) => Promise<Response>

export interface AuthFetchParts {
  readonly core: Core
  readonly send: typeof fetch
  readonly vault: Vault
  readonly guard: Guard
  readonly settings: () => Settings
  readonly log: (line: string) => void
  readonly count: (what: string) => void
  /** Whether requests to this address carry the token. */
  readonly protects: (url: URL) => boolean
  /**
   * The token to send; sound is false when it is known to be none that will do. patient: rather wait for a new
   * one than send one that is about to expire.
   */
  readonly token: (signal: AbortSignal | null, patient: boolean) => Promise<{ readonly held: Held | null; readonly sound: boolean }>
  readonly refresh: (trigger: Trigger, used: number) => Promise<Held>
  readonly stale: () => boolean
}

const idempotent = /^(GET|HEAD|OPTIONS|PUT|DELETE|TRACE)$/i
/** Longest single wait for a server that says "try again". */
const longestWaitMs = 30_000

const isStream = (body: any): boolean => !!(body?.getReader || body?.[Symbol.asyncIterator])

/**
 * A fetch that adds the token to requests to the protected origins, and recovers the refused ones: one refresh,
 * one replay. All others pass through as they are. Whatever happens, the caller gets a response that nobody has
 * read, or the error that fetch itself would give; only where the user has changed before the request could be
 * sent it rejects with the KeyturnError `signed_out`.
 */
export function createAuthFetch(p: AuthFetchParts): AuthFetch {
  const { core, send, vault, guard, count, settings } = p
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

  return async (input, init) => {
    const ready = input instanceof Request ? input : null
    const url = new URL(ready?.url ?? String(input), core.scope.document.baseURI)
    if (!p.protects(url)) return send(input, init)

    const signal = init?.signal ?? ready?.signal ?? null
    const replayable = !isStream(init?.body)
    // Built at once: what the caller does with the options, or with the body's parts, comes too late.
    let request = new Request(ready ?? url, init)
    let { held, sound } = await p.token(signal, !replayable)
    // Credentials of the caller's own stay, unless they are an earlier token of the same subject.
    const given = request.headers.get('authorization')
    if (given && readToken(given.slice(7))?.sub !== held?.claims.sub) return send(request)

    const login = vault.login()
    let attempted = !sound || !!init?._attemptedRefresh
    let replayed = false
    let waits = 0
    for (;;) {
      if (held) request.headers.set('authorization', `Bearer ${held.token}`)
      // A body can be sent once; what may be sent again is cloned before.
      const again = replayable ? request.clone() : request
      const response = await send(request, attempted ? ({ _attemptedRefresh: true } as RequestInit) : undefined)
      const { status } = response
      if (!held) return response
      if (status !== 401 && status !== 403) {
        guard.accepted()
        return response
      }
      const used: Held = held
      const { generation, claims: { digest } } = used
      if (status === 403) log('Got 403 Forbidden, user may need permission refresh')
      else if (replayed) guard.refused(generation)
      if (!attempted && !waits) count('failures')

      const problem = await until(signal, readProblem(response))
      const now = vault.held()
      const refused = { ...problem, status }
      const [act, line] = judge({
        ...refused, attempted, replayable,
        mayWait: waits < settings().maxRetries,
        newer: !!now && now.generation > generation,
        otherClaims: now?.claims.digest !== digest,
        stale: p.stale(),
        spent: guard.spentOn(digest),
        inFlight: !!claimsRefresh,
        on403: settings().refreshOn403,
      })
      if (line) log(line)
      if (line && act !== Act.refreshClaims) count('blocked')
      if (act === Act.give) return response
      if (act === Act.again) {
        waits++
        await core.pause(Math.min(problem.retryAfterMs! * (1 + core.roll() / 2), longestWaitMs), signal)
      } else {
        try {
          if (act === Act.refresh) await until(signal, p.refresh('401', generation))
          else if (act !== Act.replay) await until(signal, (claimsRefresh ??= refreshClaims(used)))
        } catch (error) {
          if (!(error instanceof KeyturnError)) throw error
          log(`Error during refresh: ${error.message}`)
          return response
        }
        attempted = replayed = true
        held = vault.held()
        // Nor has anything been applied when a role was missing; after any other 403 only what may be repeated is.
        if (!isAboutToken(refused) && problem.code !== 'role_missing' && !idempotent.test(request.method)) return response
      }
      // Another user may have signed in meanwhile; nobody's request is sent in another's name.
      if (login !== vault.login()) return response
      count('replays')
      request = again
    }
  }
}
