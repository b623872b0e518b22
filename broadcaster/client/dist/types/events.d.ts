import type { AnalyticsReport } from './analytics.js';
import type { ConnectionState } from './connection.js';
import type { Episode } from './episodes.js';
import type { State } from './frames.js';
import type { ErrorCode } from './errors.js';
import type { Trigger } from './guard.js';
import type { RefreshNews } from './refresher.js';
/** key: event; value: what its listeners get. None of it holds a token. */
export interface KeyturnEvents {
    /** A newer state of the ring. */
    readonly state: State;
    /** Another token is in use, or none. */
    readonly token: {
        readonly held: boolean;
        readonly key: string | null;
        readonly kid: string | null;
    };
    readonly socket: {
        readonly state: ConnectionState;
        readonly lastClose: number | null;
    };
    readonly refresh: RefreshNews;
    /** Something needs attention; `reason` is the server's own word, where it said one. */
    readonly failed: {
        readonly trigger: Trigger;
        readonly code: ErrorCode;
        readonly reason: string | null;
    };
    /** A story of trouble begins, goes on or ends; each of its phases once. */
    readonly episode: Episode;
    /** What an analytics sink gets. */
    readonly report: AnalyticsReport;
    /** Nobody is signed in any more. */
    readonly sessionended: {
        readonly code: string;
    };
}
export type Listener<K extends keyof KeyturnEvents> = (news: KeyturnEvents[K]) => void;
export interface Events {
    on<K extends keyof KeyturnEvents>(event: K, listener: Listener<K>): () => void;
    emit<K extends keyof KeyturnEvents>(event: K, news: KeyturnEvents[K]): void;
}
/** Listeners are called in order, at once; one that throws is reported as any uncaught error, and harms nobody. */
export declare function createEvents(): Events;
