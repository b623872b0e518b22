import type { Problem } from './problem'

/** When a 403 is answered by a refresh. */
export type RefreshOn403 = 'once' | 'ifStale' | 'never'

/** A refused request, as far as the verdict needs it. */
export interface Refused extends Problem {
  readonly status: 401 | 403
  /** Refreshed or replayed already, or the caller forbade it. */
  readonly attempted: boolean
  readonly replayable: boolean
  readonly idempotent: boolean
  /** How often an answer that says "try again" has been waited for. */
  readonly waits: number
  readonly maxRetries: number
  /** A newer token than the request's is there. */
  readonly newer: boolean
  /** The newer token grants something else than the request's. */
  readonly otherClaims: boolean
  /** The ring's state asks to replace the request's token. */
  readonly stale: boolean
  /** A refresh for these claims has been tried. */
  readonly spent: boolean
  /** A refresh after a 403 is under way. */
  readonly inFlight: boolean
  readonly on403: RefreshOn403
}

export type Verdict =
  /** Hand the answer to the caller; line is what the console says about it. */
  | { readonly do: 'return'; readonly line?: string }
  /** Wait, then send again as it is. */
  | { readonly do: 'again'; readonly afterMs: number }
  /** Send again with the newer token. */
  | { readonly do: 'replay' }
  /** Refresh, then send again; because of claims: first wait for the server, or join who already does. */
  | { readonly do: 'refresh'; readonly claims: boolean; readonly join: boolean; readonly replay: boolean }

/** Codes of a 403 that speak of the key or the token, not of a permission. */
const tokenCodes = ['token_expired', 'kid_unknown', 'key_retired', 'key_revoked', 'signature_invalid']

/**
 * What to do with a refused request: at most one refresh and one replay after it, whatever comes. Only an
 * unknown kid that is worth waiting for is sent again more often, and never refreshed for.
 */
export function judge(r: Refused): Verdict {
  if (r.status === 401 && r.code === 'kid_unknown' && r.retryAfterMs !== null && r.replayable) {
    return r.waits < r.maxRetries ? { do: 'again', afterMs: r.retryAfterMs } : { do: 'return' }
  }
  if (r.attempted) return { do: 'return', line: 'Already attempted refresh for this request' }
  if (!r.replayable) return { do: 'return', line: 'A streamed body cannot be sent twice - not retrying' }
  if (r.status === 401 || r.error === 'invalid_token' || tokenCodes.includes(r.code)) {
    return r.newer ? { do: 'replay' } : { do: 'refresh', claims: false, join: false, replay: true }
  }
  const replay = r.idempotent || r.code === 'role_missing'
  if (r.newer && r.otherClaims) return replay ? { do: 'replay' } : { do: 'return' }
  if (r.on403 === 'never' || (r.on403 === 'ifStale' && !r.stale)) return { do: 'return' }
  if (r.inFlight) return { do: 'refresh', claims: true, join: true, replay }
  if (r.spent) return { do: 'return', line: 'Token already refreshed, still 403 - user lacks permission' }
  return { do: 'refresh', claims: true, join: false, replay }
}
