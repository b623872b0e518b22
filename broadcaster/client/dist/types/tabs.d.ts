import type { Core } from './core.js';
import type { Held, Vault } from './vault.js';
/**
 * The other tabs of this browser: who refreshes, and who is told. Works without locks and without a channel,
 * then each tab for itself.
 */
export interface Tabs {
    /** Runs job while no other tab of this browser runs one; only ever around one fetch. */
    exclusively<T>(signal: AbortSignal, job: () => Promise<T>): Promise<T>;
    /** Gives siblings that hold a newer token the time to say so. */
    ask(signal: AbortSignal): Promise<void>;
    /** Shares a token. */
    share(held: Held): void;
    /** Tells the siblings that the user is gone. */
    leave(): void;
}
/** Joins the tabs of a ring: adopted is called after a sibling's token was taken over, left after its logout. */
export declare function joinTabs(core: Core, ring: string, vault: Vault, adopted: () => void, left: () => void): Tabs;
