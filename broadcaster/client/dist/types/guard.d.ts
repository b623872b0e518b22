import type { Core } from './core.js';
/** What set off a refresh. */
export type Trigger = 'start' | 'event' | 'claims' | 'expiry' | 'manual' | 'signin' | '401' | '403' | 'socket';
/** Whether a failure set it off, not a plan or a wish. */
export declare const ofFailure: (trigger: Trigger) => boolean;
/** Whether a user waits for it. */
export declare const wished: (trigger: Trigger) => boolean;
/**
 * What keeps a failure from becoming a loop: the budget of refreshes that failures cause, the breaker that
 * opens when new tokens are refused, and the memory of the claims that a 403 has already been refreshed for.
 * An endpoint that does not answer is no loop; it spends nothing, and is asked ever less often.
 */
export interface Guard {
    /** Counts a refresh that is about to happen; throws when a failure may not cause it. Calling the result takes the count back. */
    admit(trigger: Trigger): () => void;
    /** How often in a row the endpoint has not answered, in all tabs of the browser together, and for how many ms more it is left alone. */
    silence(): readonly [times: number, leftMs: number];
    /** Notes that it has answered, or that it has not and is to be left alone for atLeastMs or longer. */
    asked(answered: boolean, atLeastMs?: number | null): void;
    /** A token of this generation was refused although it was fresh. */
    refused(generation: number): void;
    /** A token was accepted. */
    accepted(): void;
    /** A new rev, a new user or a wish: one probe is allowed again. */
    renew(): void;
    open(): boolean;
    /** Whether a 403 under these claims has had its refresh. */
    spentOn(digest: string): boolean;
    /** Notes that it has; '' forgets, because what was refused before may be granted now. */
    spend(digest: string): void;
}
/**
 * Builds the guard of a ring. The budget is the browser's (localStorage), the claims the tab's (sessionStorage).
 * auto: whether anything but a wish and the end of a token's life may cause a refresh.
 */
export declare function createGuard(core: Core, ring: string, auto: () => boolean): Guard;
