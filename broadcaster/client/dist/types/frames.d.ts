/**
 * The server's frames, decoded from foreign bytes. A frame that is not exactly as it must be is no frame:
 * the decoder answers null, never throws, and copies nothing but the fields it knows.
 */
/** One key by its public name; never material. */
export interface KeyName {
    readonly key: string;
    readonly kid: string;
}
/** Answers each accepted `auth`: which key verified the token, and how long it is still good. */
export interface Welcome {
    readonly type: 'welcome';
    readonly session: string;
    readonly key: string;
    readonly kid: string;
    /** The token's key retires, or the token expired less than the grace ago. */
    readonly stale: boolean;
    readonly ttlMs: number;
    readonly beaconMs: number;
    /** The server's clock, in Unix ms. */
    readonly nowMs: number;
}
/** The state of the ring: snapshot, push and beacon alike. Durations count from receipt. */
export interface State {
    readonly type: 'state';
    readonly ring: string;
    /** Orders the states of a ring; the greater wins. */
    readonly rev: number;
    readonly key: string;
    readonly kid: string;
    /** How long ago `key` became the current one. */
    readonly sinceMs: number;
    readonly pending: readonly KeyName[];
    readonly retiring: readonly (KeyName & {
        readonly forMs: number;
    })[];
    readonly refresh: {
        readonly afterMs: number;
        readonly windowMs: number;
    };
    readonly urgency: 'planned' | 'compromise';
    /** False while the server itself can't see the log: nothing is decided by such a state. */
    readonly live: boolean;
}
/** This subject's permissions changed: refresh within the window. */
export interface Claims {
    readonly type: 'claims';
    readonly afterMs: number;
    readonly windowMs: number;
}
/** The server is about to close: open a new connection at a random moment inside `withinMs`. */
export interface Drain {
    readonly type: 'drain';
    readonly withinMs: number;
}
/** Says why the connection is about to be closed, and for how long to stay away. */
export interface Refusal {
    readonly type: 'error';
    readonly code: string;
    readonly message: string;
    readonly retryAfterMs: number;
}
export interface Pong {
    readonly type: 'pong';
}
export type ServerFrame = Welcome | State | Claims | Drain | Refusal | Pong;
/** Decodes one message of the socket; null for whatever is not a well-formed frame of a known type. */
export declare function decodeFrame(data: unknown): ServerFrame | null;
