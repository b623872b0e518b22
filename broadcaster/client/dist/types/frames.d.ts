import type { Shaped } from './shape.js';
declare const shapes: {
    /** Answers each accepted `auth`: the key that verified the token, and the life it has left. */
    readonly welcome: {
        readonly stale: "flag";
        readonly ttlMs: "number";
        readonly beaconMs: "number";
        readonly nowMs: "number";
        readonly key: "text";
        readonly kid: "text";
        readonly type: "text";
    };
    /**
     * The state of the ring: snapshot, push and beacon alike. rev orders the states, the greater wins; sinceMs is
     * the age of the current key; live is false while the server itself can't see the log.
     */
    readonly state: {
        readonly sinceMs: "number";
        readonly pending: readonly [{
            readonly key: "text";
            readonly kid: "text";
        }];
        readonly retiring: readonly [{
            readonly forMs: "number";
            readonly key: "text";
            readonly kid: "text";
        }];
        readonly refresh: {
            readonly afterMs: "number";
            readonly windowMs: "number";
        };
        readonly urgency: "text";
        readonly live: "flag";
        readonly key: "text";
        readonly kid: "text";
        readonly type: "text";
        readonly ring: "text";
        readonly rev: "number";
    };
    /** This subject's permissions changed: refresh within the window. */
    readonly claims: {
        readonly type: "text";
        readonly afterMs: "number";
        readonly windowMs: "number";
    };
    /** The server is about to close: open a new connection at a random moment inside withinMs. */
    readonly drain: {
        readonly type: "text";
        readonly withinMs: "number";
    };
    /** Says why the connection is about to be closed, and for how long to stay away. */
    readonly error: {
        readonly type: "text";
        readonly code: "text";
        readonly retryAfterMs: "number?";
    };
    readonly pong: {
        readonly type: "text";
    };
};
type Frames = {
    readonly [K in keyof typeof shapes]: Shaped<(typeof shapes)[K]> & {
        readonly type: K;
    };
};
export type State = Frames['state'];
export type Welcome = Frames['welcome'];
export type Claims = Frames['claims'];
export type ServerFrame = Frames[keyof Frames];
/** Decodes one message of the socket; null for whatever is not a well-formed frame of a known type. */
export declare function decodeFrame(data: unknown): ServerFrame | null;
export {};
