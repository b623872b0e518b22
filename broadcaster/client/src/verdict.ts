import type { Layer } from './episodes'
import type { Problem } from './problem'

/** When a 403 is answered by a refresh: once for the same claims, only under a stale key, never. */
export type RefreshOn403 = 'once' | 'ifStale' | 'never'

/** A refused request, as far as the verdict needs it. */
export interface Refused extends Pick<Problem, 'code' | 'error' | 'retryAfterMs'> {
  readonly status: number
  /** Its text speaks of the token, and nothing else says what it is about. */
  readonly worded: boolean
  /** Refreshed or replayed already, or the caller forbade it. */
  readonly attempted: boolean
  readonly replayable: boolean
  /** An answer that says "try again" may be waited for once more. */
  readonly mayWait: boolean
  /** A newer token than the request's is there. */
  readonly newer: boolean
  /** The newer token grants something else than the request's. */
  readonly otherClaims: boolean
  /** The ring's state asks to replace the token. */
  readonly stale: boolean
  /** A refresh for these claims has been tried. */
  readonly spent: boolean
  /** A refresh after a 403 is under way. */
  readonly inFlight: boolean
  /** Automatic refreshes after failures are switched off. */
  readonly off: boolean
  readonly on403: RefreshOn403
}

export const enum Act {
  /** Hand the answer to the caller. */
  give,
  /** Wait as told, then send again as it is. */
  again,
  /** Send again with the newer token. */
  replay,
  /** Refresh, then send again. */
  refresh,
  /** Give the server time to process a change of permissions, refresh, then send again. */
  refreshClaims,
  /** As refreshClaims, by joining the one under way. */
  join,
}

/** Codes of a 403 that speak of the key or the token, not of a permission. */
const ofToken = /token_expired|kid_unknown|key_re|signature_invalid/

/** Whether a refusal is about the token itself, so that nothing has been applied, and any method may be sent again. */
export function isAboutToken({ status, error, code, worded }: Pick<Refused, 'status' | 'error' | 'code' | 'worded'>): boolean {
  return status === 401 || error === 'invalid_token' || ofToken.test(code) || worded
}

/** What to do, which guard stood before more, and what the console says about it. */
export type Verdict = readonly [act: Act, layer?: Layer | null, line?: string]

/**
 * What to do with a refused request: at most one refresh and one replay after it, whatever comes. Only an
 * unknown kid that is worth waiting for is sent again more often, and never refreshed for.
 */
export function judge(r: Refused): Verdict {
  if (r.status === 401 && r.code === 'kid_unknown' && r.retryAfterMs !== null && r.replayable) {
    return [r.mayWait ? Act.again : Act.give]
  }
  if (r.attempted) return [Act.give, 'attempted', 'Already attempted refresh for this request']
  if (!r.replayable) return [Act.give, 'stream', 'A streamed body can only be sent once, not retrying']
  // Words may mislead, so they are believed once for the same claims under the same key.
  const about = isAboutToken(r) && !(r.worded && r.spent)
  if (r.newer && (about || r.otherClaims)) return [Act.replay]
  if (r.off) return [Act.give, 'off', 'Automatic refresh is off (autoRefreshOnError): refresh the JWT by hand']
  if (about) return [Act.refresh]
  if (!r.worded && (r.on403 === 'never' || (r.on403 === 'ifStale' && !r.stale))) return [Act.give]
  if (r.inFlight) return [Act.join, 'inflight', 'Token refresh redirect already in progress']
  if (r.spent) return [Act.give, 'claims', 'Token already refreshed, still 403 - user lacks permission']
  return [Act.refreshClaims, null, 'First 403, attempting token refresh']
}
