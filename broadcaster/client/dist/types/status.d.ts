import type { ConnectionState } from './connection';
import type { Trigger } from './guard';
/** How often something happened since the page was loaded. */
export interface Counters {
    /** key: what set them off */
    readonly refreshes: Record<Trigger, {
        attempted: number;
        succeeded: number;
        failed: number;
        skipped: number;
    }>;
    /** Tokens taken over from other tabs. */
    adopted: number;
    /** Requests that were refused at least once. */
    failures: number;
    replays: number;
    /** Refreshes that a loop guard prevented. */
    blocked: number;
}
/** A snapshot for people and support: no token, no part of one. */
export interface Status {
    readonly ring: string;
    readonly socket: ConnectionState;
    readonly lastClose: number | null;
    readonly rev: number | null;
    /** Public name and kid of the current key. */
    readonly key: string | null;
    readonly kid: string | null;
    readonly live: boolean | null;
    readonly token: {
        readonly key: string | null;
        readonly kid: string | null;
        readonly iat: number | null;
        readonly exp: number | null;
        readonly length: number;
        readonly leftMs: number;
    } | null;
    /** Until the planned refresh, 0 when it is due, null when none is planned. */
    readonly plannedMs: number | null;
    readonly breaker: 'open' | 'closed';
    readonly counters: Counters;
}
export declare function newCounters(): Counters;
