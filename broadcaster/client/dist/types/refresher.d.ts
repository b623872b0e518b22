import type { Clock } from './clock';
import type { Outcome } from './endpoint';
import type { Environment } from './environment';
import { KeyturnError } from './errors';
import type { Guard, Trigger } from './guard';
import type { Tabs } from './tabs';
import type { Held, Vault } from './vault';
/** Gets new tokens: one attempt at a time in this tab, one fetch at a time in this browser. */
export interface Refresher {
    /**
     * A token newer than generation `used`. Callers at the same time share one attempt. Waits out a busy server
     * for as long as it takes; rejects with a KeyturnError when the session is over, the user has signed out,
     * the guard refuses, or the third attempt has failed.
     */
    refresh(trigger: Trigger, used?: number): Promise<Held>;
    /** Ends what is under way: the user is gone. */
    cancel(): void;
    /** Lets go of fetch and lock, for a page that is put away; goes on after resume. */
    suspend(): void;
    resume(): void;
}
export interface RefresherParts {
    readonly env: Environment;
    readonly clock: Clock;
    readonly vault: Vault;
    readonly guard: Guard;
    readonly tabs: Tabs;
    readonly ask: (hint: string | null, signal: AbortSignal) => Promise<Outcome>;
    /** Whether the ring's state asks to replace this token too. */
    readonly stale: (held: Held) => boolean;
    readonly told: (news: RefreshNews) => void;
}
/** How a refresh goes, for events, counters and logs. */
export interface RefreshNews {
    readonly phase: 'started' | 'waiting' | 'done' | 'skipped' | 'failed' | 'ended' | 'blocked';
    readonly trigger: Trigger;
    /** For `waiting`: how long; for failures: the stable reason. */
    readonly waitMs?: number;
    readonly code?: string;
    readonly error?: KeyturnError;
}
export declare function createRefresher(p: RefresherParts): Refresher;
