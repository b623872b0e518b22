import type { Clock } from './clock'
import type { Environment } from './environment'
import { KeyturnError } from './errors'
import type { Guard, Trigger } from './guard'
import { readToken } from './jwt'
import type { Log } from './log'
import { isProtected } from './origins'
import { readProblem } from './problem'
import { after, until } from './timers'
import type { Held, Vault } from './vault'
import type { RefreshOn403 } from './verdict'
import { judge } from './verdict'

/** `fetch` options, and the mark by which a request says that it has had its refresh. */
export type AuthRequestInit = RequestInit & { readonly _attemptedRefresh?: boolean }
export type AuthFetch = (input: RequestInfo | URL, init?: AuthRequestInit) => Promise<Response>

export interface AuthFetchParts {
  readonly env: Environment
  readonly clock: Clock
  readonly vault: Vault
  readonly guard: Guard
  readonly log: Log
  readonly origins: () => readonly string[]
  readonly authEndpoints: readonly string[]
  readonly settings: () => { readonly refreshOn403: RefreshOn403; readonly refreshDelayMs: number; readonly maxRetries: number }
  /**
   * The token to send; sound is false when it is known to be none that will do. patient: rather wait for a new
   * one than send one that is about to expire.
   */
  readonly token: (signal: AbortSignal | null, patient: boolean) => Promise<{ readonly held: Held | null; readonly sound: boolean }>
  readonly refresh: (trigger: Trigger, used: number) => Promise<Held>
  readonly stale: (held: Held) => boolean
  readonly count: (what: 'replays' | 'blocked' | 'failures') => void
}

const idempotent = /^(GET|HEAD|OPTIONS|PUT|DELETE|TRACE)$/i
/** Longest single wait for a server that says "try again". */
const longestWaitMs = 30_000

const isStream = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && ('getReader' in body || Symbol.asyncIterator in body)

/**
 * A fetch that adds the token to requests to the protected origins, and recovers the refused ones: one refresh,
 * one replay. All others pass through as they are. Whatever happens, the caller gets a response that nobody has
 * read, or the error that fetch itself would give.
 */
export function createAuthFetch(p: AuthFetchParts): AuthFetch {
  const { env, vault, guard } = p
  const log = (line: string): void => p.log.info(`[fetchWithAuth] ${line}`)
  // The refresh that a 403 has set off, its delay included.
  let claimsRefresh: Promise<unknown> | null = null

  const refreshClaims = (used: number): Promise<unknown> => {
    const delay = p.settings().refreshDelayMs
    log('First 403, attempting token refresh')
    log(`Waiting ${delay}ms before refresh...`)
    return new Promise<void>((resolve) => after(env, delay, resolve))
      .then(() => p.refresh('403', used))
      .finally(() => (claimsRefresh = null))
  }

  return async function keyturnFetch(input, init) {
    const ready = input instanceof Request ? input : null
    const url = new URL(ready ? ready.url : String(input), env.base)
    if (!isProtected(url, p.origins(), p.authEndpoints)) return env.fetch(input, init)

    const signal = init?.signal ?? ready?.signal ?? null
    const replayable = !isStream(init?.body)
    // A body can be sent once; what may be sent again is built anew, or cloned before the first send.
    const build = (): Request => new Request(ready && replayable ? ready.clone() : input, init)
    let request = build()
    const given = request.headers.get('authorization')
    const first = await p.token(signal, !replayable)
    // Credentials of the caller's own stay, unless they are an earlier token of the same subject.
    const foreign = given !== null && readToken(given.replace(/^bearer /i, ''))?.sub !== first.held?.claims.sub
    if (foreign) return env.fetch(request)

    let { held } = first
    let attempted = !first.sound || !!init?._attemptedRefresh
    let waits = 0
    let fresh = false
    const login = vault.login()

    for (;;) {
      if (held) request.headers.set('authorization', `Bearer ${held.token}`)
      const response = await env.fetch(request, attempted ? ({ _attemptedRefresh: true } as RequestInit) : undefined)
      const { status } = response
      if (status !== 401 && status !== 403) {
        if (held) guard.accepted()
        return response
      }
      if (status === 401 && held && fresh) guard.refused(held.generation)
      if (status === 403) log('Got 403 Forbidden, user may need permission refresh')
      if (!held) return response

      const used: Held = held
      const problem = await until(signal, readProblem(response))
      const now = vault.held()
      const verdict = judge({
        ...problem, status, attempted, replayable, waits,
        idempotent: idempotent.test(request.method),
        maxRetries: p.settings().maxRetries,
        newer: !!now && now.generation > used.generation,
        otherClaims: now?.claims.digest !== used.claims.digest,
        stale: p.stale(used),
        spent: guard.spentOn(used.claims.digest),
        inFlight: !!claimsRefresh,
        on403: p.settings().refreshOn403,
      })
      if (!attempted && !waits) p.count('failures')

      if (verdict.do === 'return') {
        if (verdict.line) {
          log(verdict.line)
          p.count('blocked')
        }
        return response
      }
      if (verdict.do === 'again') {
        waits++
        const ms = Math.min(verdict.afterMs * (1 + env.random() / 2), longestWaitMs)
        await until(signal, new Promise<void>((resolve) => after(env, ms, resolve)))
      } else {
        attempted = fresh = true
        if (verdict.do === 'refresh') {
          try {
            if (!verdict.claims) await until(signal, p.refresh('401', used.generation))
            else {
              if (verdict.join) {
                log('Token refresh redirect already in progress')
                p.count('blocked')
              } else {
                guard.spend(used.claims.digest)
                claimsRefresh = refreshClaims(used.generation)
              }
              await until(signal, claimsRefresh!)
            }
          } catch (error) {
            if (signal?.aborted) throw error
            if (error instanceof KeyturnError && /budget|breaker/.test(error.code)) p.count('blocked')
            p.log.warn(`[fetchWithAuth] Error during refresh: ${(error as Error).message}`)
            return response
          }
          if (!verdict.replay) return response
        }
        held = vault.held()
      }
      // Another user may have signed in meanwhile; nobody's request is sent in another's name.
      if (login !== vault.login() || !held) return response
      p.count('replays')
      request = build()
    }
  }
}
