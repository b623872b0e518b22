import type { Clock } from './clock';
import type { Environment } from './environment';
import type { Claims, State } from './frames';
import type { Trigger } from './guard';
import type { Held, Vault } from './vault';
/** Decides when to refresh ahead of any failure: by the ring's state, by changed claims, by expiry. */
export interface Planner {
    /** A state frame: a newer rev is adopted, the same one is a beacon, an older one is ignored. True if adopted. */
    state(frame: State): boolean;
    claims(frame: Claims): void;
    /** The token changed, or more is known of it. fresh: it is another token than before. */
    token(fresh: boolean): void;
    /** The page is visible again, or the machine woke: whatever is past is due now. */
    look(): void;
    /** The ring's state that counts; null before the first. */
    current(): State | null;
    /** Whether that state asks to replace the token in use. */
    stale(held: Held): boolean;
    /** ms until the planned refresh of this rev, 0 when it is past, null when none is planned. */
    plannedMs(): number | null;
    /** What the server's clock said, to compare a token's iat with. */
    serverTime(nowMs: number): void;
}
export interface PlannerParts {
    readonly env: Environment;
    readonly clock: Clock;
    readonly vault: Vault;
    readonly browserId: () => string;
    /** Must not reject; true when a token came of it. */
    readonly refresh: (trigger: Trigger) => Promise<boolean>;
    readonly planned: (trigger: Trigger, ms: number) => void;
    /** The issuer answered twice with the old key. */
    readonly gaveUp: () => void;
}
export declare function createPlanner(p: PlannerParts): Planner;
