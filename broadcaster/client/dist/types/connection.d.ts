import type { ServerFrame } from './frames.js';
/**
 * The life of the connection as a pure function: what has happened goes in, what to do comes out. It knows no
 * socket, no clock and no timer; the shell beside it owns those.
 */
/** What a user sees of it. */
export type ConnectionState = 'idle' | 'connecting' | 'authing' | 'open' | 'backoff' | 'stopped';
export declare const enum Wait {
    /** Nothing is being waited for. */
    none = 0,
    /** The network: a better moment may cut it short. */
    network = 1,
    /** The server asked for distance. */
    server = 2,
    /** The token was refused; then it will be replaced. */
    token = 3,
    /** The replacement is under way. */
    refresh = 4
}
export interface Model {
    /** Id of the socket in use, 0: none. Ids grow, and whatever a forgotten one still says is ignored. */
    readonly main: number;
    readonly phase: 'connecting' | 'authing' | 'open';
    /** Id of the socket that will replace it in a drain, or with a newer token, 0: none. */
    readonly next: number;
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
    readonly waiting: Wait;
    /** From the last `error` frame; counts for the close that follows it. */
    readonly retryAfterMs: number;
    /** From the last `drain` frame. */
    readonly drainMs: number;
    readonly beaconMs: number;
    readonly lastClose: number | null;
}
export declare const enum Timer {
    /** The socket in use must get through within this time. */
    connect = 0,
    retry = 1,
    /** The longest silence. */
    watchdog = 2,
    /** How long a connection must stand to count as good. */
    stable = 3,
    /** When to open the replacement. */
    drain = 4,
    /** The replacement must get through within this time. */
    standby = 5,
    /** The answer to a ping. */
    probe = 6,
    /** How long a hidden page keeps its connection. */
    hidden = 7
}
export declare const enum On {
    wanted = 0,
    unwanted = 1,
    /** A socket is open; with an argument: a token was presented. */
    opened = 2,
    /** A message came, argument: the frame, null when it could not be read, which still proves life. */
    frame = 3,
    /** Argument: the close code. */
    closed = 4,
    /** Id: the timer. */
    timer = 5,
    /** Another token is there. */
    token = 6,
    /** That token can't be presented on this socket: only a new one brings it along. */
    outgrown = 7,
    refreshFailed = 8,
    online = 9,
    offline = 10,
    hidden = 11,
    visible = 12,
    freeze = 13,
    thaw = 14,
    wake = 15,
    /** Begin anew, for another user. */
    restart = 16
}
/** What happened, to which socket or timer, and its argument. */
export type Event = readonly [on: On, id?: number, argument?: ServerFrame | number | boolean | null];
export declare const enum Do {
    open = 0,
    close = 1,
    auth = 2,
    ping = 3,
    /** Arms the timer of that id anew; null disarms it. */
    timer = 4,
    refresh = 5
}
export type Effect = readonly [act: Do, id: number, ms?: number | null];
export declare const initial: Model;
/** The one word for a model. */
export declare function stateOf(m: Model): ConnectionState;
/** One step. roll is a fresh random number in [0, 1), the only chance in it. */
export declare function step(before: Model, [on, id, argument]: Event, roll: number): readonly [Model, readonly Effect[]];
