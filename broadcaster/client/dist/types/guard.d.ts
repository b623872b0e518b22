import type { Core } from './core.js';
/** What set off a refresh. */
export type Trigger = 'start' | 'event' | 'claims' | 'expiry' | 'manual' | 'signin' | '401' | '403' | 'socket';
/** Whether a failure set it off, not a plan or a wish. */
export declare const ofFailure: (trigger: Trigger) => boolean;
/**
 * What keeps a failure from becoming a loop: the budget of refreshes that failures cause, the breaker that
 * opens when new tokens are refused, and the memory of the claims that a 403 has already been refreshed for.
 */
export interface Guard {
    /** Counts a refresh that is about to happen; throws when a failure may not cause it. */
    admit(trigger: Trigger): void;
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
