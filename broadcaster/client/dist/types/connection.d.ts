import type { ServerFrame } from './frames';
/**
 * The life of the connection as a pure function: what has happened goes in, what to do comes out. It knows no
 * socket, no clock and no timer; the shell beside it owns those.
 */
/** What a user sees of it. */
export type ConnectionState = 'idle' | 'connecting' | 'authing' | 'open' | 'backoff' | 'stopped';
/** One socket; ids grow, and whatever a forgotten id still says is ignored. */
export interface Link {
    readonly id: number;
    readonly phase: 'connecting' | 'authing' | 'open';
}
export interface Model {
    /** The socket in use, and the one that will replace it in a drain. */
    readonly main: Link | null;
    readonly next: Link | null;
    readonly lastId: number;
    /** Failures in a row; a connection that stands for 30 s sets it to 0. */
    readonly attempt: number;
    /** There is a token to present, or the ring is public. */
    readonly wanted: boolean;
    readonly stopped: boolean;
    readonly offline: boolean;
    /** The page is in the back/forward cache. */
    readonly frozen: boolean;
    /** The page has been hidden for so long that it needs no connection. */
    readonly asleep: boolean;
    /** Why there is no connection: network trouble, the server's wish, a refused token, its replacement. */
    readonly waiting: null | 'network' | 'server' | 'token' | 'refresh';
    /** From the last `error` frame; counts for the close that follows it. */
    readonly retryAfterMs: number;
    /** From the last `drain` frame. */
    readonly drainMs: number;
    readonly beaconMs: number;
    readonly lastClose: number | null;
}
export type TimerName = 'connect' | 'retry' | 'watchdog' | 'stable' | 'drain' | 'standby' | 'probe' | 'hidden';
export type Event = {
    readonly type: 'wanted';
    readonly value: boolean;
} | {
    readonly type: 'opened';
    readonly id: number;
    readonly authed: boolean;
}
/** Any message; frame is null when it could not be read, which still proves life. */
 | {
    readonly type: 'frame';
    readonly id: number;
    readonly frame: ServerFrame | null;
} | {
    readonly type: 'closed';
    readonly id: number;
    readonly code: number;
} | {
    readonly type: 'timer';
    readonly name: TimerName;
} | {
    readonly type: 'token' | 'refreshfailed' | 'online' | 'offline' | 'hidden' | 'visible';
} | {
    readonly type: 'freeze' | 'thaw' | 'wake' | 'restart';
};
export type Effect = {
    readonly do: 'open' | 'close' | 'auth' | 'ping';
    readonly id: number;
}
/** Arms the timer anew; null disarms it. */
 | {
    readonly do: 'timer';
    readonly name: TimerName;
    readonly ms: number | null;
} | {
    readonly do: 'refresh';
};
export declare const limits: {
    connectMs: number;
    authMs: number;
    silenceMs: number;
    stableMs: number;
    probeMs: number;
    hiddenMs: number;
    /** Spread after a network change or a wake: a whole office comes back at once. */
    returnMs: number;
    /** Spread after a restart that announced no drain. */
    restartMs: number;
    distanceMs: number;
};
export declare const initial: Model;
/** The one word for a model. */
export declare function stateOf(m: Model): ConnectionState;
/** One step. roll is a fresh random number in [0, 1), the only chance in it. */
export declare function step(before: Model, event: Event, roll: number): readonly [Model, readonly Effect[]];
