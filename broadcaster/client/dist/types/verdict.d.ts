import type { Layer } from './episodes.js';
import type { Problem } from './problem.js';
/** When a 403 is answered by a refresh: once for the same claims, only under a stale key, never. */
export type RefreshOn403 = 'once' | 'ifStale' | 'never';
/** A refused request, as far as the verdict needs it. */
export interface Refused extends Pick<Problem, 'code' | 'error' | 'retryAfterMs'> {
    readonly status: number;
    /** Its text speaks of the token, and nothing else says what it is about. */
    readonly worded: boolean;
    /** Refreshed or replayed already, or the caller forbade it. */
    readonly attempted: boolean;
    readonly replayable: boolean;
    /** An answer that says "try again" may be waited for once more. */
    readonly mayWait: boolean;
    /** A newer token than the request's is there. */
    readonly newer: boolean;
    /** The newer token grants something else than the request's. */
    readonly otherClaims: boolean;
    /** The ring's state asks to replace the token. */
    readonly stale: boolean;
    /** A refresh for these claims has been tried. */
    readonly spent: boolean;
    /** A refresh after a 403 is under way. */
    readonly inFlight: boolean;
    /** Automatic refreshes after failures are switched off. */
    readonly off: boolean;
    readonly on403: RefreshOn403;
}
export declare const enum Act {
    /** Hand the answer to the caller. */
    give = 0,
    /** Wait as told, then send again as it is. */
    again = 1,
    /** Send again with the newer token. */
    replay = 2,
    /** Refresh, then send again. */
    refresh = 3,
    /** Give the server time to process a change of permissions, refresh, then send again. */
    refreshClaims = 4,
    /** As refreshClaims, by joining the one under way. */
    join = 5
}
/** Whether a refusal is about the token itself, so that nothing has been applied, and any method may be sent again. */
export declare function isAboutToken({ status, error, code, worded }: Pick<Refused, 'status' | 'error' | 'code' | 'worded'>): boolean;
/** What to do, which guard stood before more, and what the console says about it. */
export type Verdict = readonly [act: Act, layer?: Layer | null, line?: string];
/**
 * What to do with a refused request: at most one refresh and one replay after it, whatever comes. Only an
 * unknown kid that is worth waiting for is sent again more often, and never refreshed for.
 */
export declare function judge(r: Refused): Verdict;
