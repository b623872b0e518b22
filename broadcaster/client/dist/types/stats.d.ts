import type { Layer } from './episodes.js';
import type { Trigger } from './guard.js';
import type { Inside } from './inside.js';
/** The last authentication failure, without a token. */
export interface LastError {
    /** Unix ms by this machine's clock. */
    readonly time: number;
    /** HTTP status; null when no answer told. */
    readonly status: number | null;
    readonly message: string;
}
export interface RefreshCounts {
    readonly attempted: number;
    readonly succeeded: number;
    readonly failed: number;
}
/** What has happened since the page was loaded, or the counters were reset. */
export interface Stats {
    /** Stories of trouble, not requests: a burst that one refresh answers counts once. */
    readonly validationFailureCount: number;
    readonly lastValidationError: LastError | null;
    readonly autoRefreshEnabled: boolean;
    readonly maxRetries: number;
    readonly refreshes: RefreshCounts & {
        /** A sibling tab had the new token already. */
        readonly adopted: number;
        /** key: what set it off */
        readonly byTrigger: Readonly<Partial<Record<Trigger, RefreshCounts>>>;
    };
    /** key: the guard that stood before a refresh */
    readonly blocked: Readonly<Partial<Record<Layer, number>>>;
    /** Requests that were refused for their token. */
    readonly refusedRequests: number;
    readonly retries: number;
    readonly notificationsShown: number;
    /** In this tab, over its reloads. */
    readonly hardRefreshes: number;
}
/** Where the hard refreshes of a tab are counted, over its reloads. */
export declare const hardKey = "keyturn:hard";
/** Statistics out of the flat counters of a client. */
export declare function statsOf(counters: Readonly<Record<string, number>>, { core, settings, story }: Inside): Stats;
