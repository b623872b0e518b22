import type { Core } from './core.js';
import type { Outcome } from './endpoint.js';
import { KeyturnError } from './errors.js';
import type { Guard, Trigger } from './guard.js';
import type { SignIn } from './signin.js';
import type { Tabs } from './tabs.js';
import type { Held, Vault } from './vault.js';
/** Gets new tokens: one attempt at a time in this tab, one fetch at a time in this browser. */
export interface Refresher {
    /**
     * A token newer than generation `used`, by default the present one. Callers at the same time share one attempt.
     * Waits out a busy server for as long as it takes; rejects with a KeyturnError when the session is over, the
     * user has signed out, the guard refuses, or the endpoint has not answered this browser three times in a row.
     */
    refresh(trigger: Trigger, used?: number): Promise<Held>;
    /** Ends what is under way: the user is gone. */
    cancel(): void;
    /** Lets go of fetch and lock, for a page that is put away; goes on after resume. */
    suspend(): void;
    resume(): void;
}
/** How a refresh goes, for events, counters and logs. */
export interface RefreshNews {
    /** done: a new token; skipped: a sibling had one; blocked: the guard refused; redirecting: the page is being left. */
    readonly phase: 'started' | 'waiting' | 'done' | 'skipped' | 'failed' | 'ended' | 'blocked' | 'redirecting';
    readonly trigger: Trigger;
    /** The stable reason of a failure. */
    readonly code?: string;
    /** How long until the next attempt. */
    readonly waitMs?: number;
}
/** The user whom something was done for is no longer the user. */
export declare const signedOut: () => KeyturnError;
/** ask gets a token, signIn a session where none is left; told hears the news. */
export declare function createRefresher(core: Core, vault: Vault, guard: Guard, tabs: Tabs, signIn: SignIn, ask: (hint: string | null, signal: AbortSignal) => Promise<Outcome>, told: (news: RefreshNews, error?: KeyturnError) => void): Refresher;
