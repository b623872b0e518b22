import type { Core } from './core.js';
import type { Claims, State } from './frames.js';
import type { Trigger } from './guard.js';
import type { Vault } from './vault.js';
/** Decides when to refresh ahead of any failure: by the ring's state, by changed claims, by expiry. */
export interface Planner {
    /** A state frame: a newer rev is adopted, the same one is a beacon, an older one is ignored. True if adopted. */
    state(frame: State): boolean;
    claims(frame: Claims): void;
    /** The token changed, or more is known of it. fresh: it is another token than before. */
    token(fresh: boolean): void;
    /** Does what is due: after a wake, or when the page is seen again. */
    look(): void;
    /** Replaces a token that is used though its end is near; not while that has just failed. */
    soon(): void;
    /** The ring's state that counts; null before the first. */
    current(): State | null;
    /** Whether that state asks to replace the token in use. */
    stale(): boolean;
    /** ms until the planned refresh of this rev or these claims, 0 when it is due, null when none is planned. */
    plannedMs(): number | null;
    /** What the server's clock says, to compare a token's iat with. */
    serverTime(nowMs: number): void;
}
/**
 * refresh must not reject, and says whether a token came of it; timed: its moment has come. planned hears of each
 * slot and of the end of each token; gaveUp is called when the issuer has answered twice with the old key; auto says
 * whether news of the ring may cause refreshes.
 */
export declare function createPlanner(core: Core, vault: Vault, browserId: string, refresh: (trigger: Trigger, timed: boolean) => Promise<boolean>, planned: (trigger: Trigger, ms: number) => void, gaveUp: () => void, auto: () => boolean): Planner;
