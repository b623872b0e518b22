import type { ConnectionState, Event } from './connection.js';
import type { Core } from './core.js';
import type { ServerFrame } from './frames.js';
import type { Held } from './vault.js';
/** The subprotocol that is offered, and the only one that is spoken. */
export declare const subprotocol = "keyturn.v1";
/** The connection to the server: carries out what the state machine decides. */
export interface Connection {
    dispatch(...event: Event): void;
    /** Reports a refresh that failed; nothing happens without an open connection. */
    failed(code: string): void;
    state(): ConnectionState;
    lastClose(): number | null;
    /** The way of the connection that is in use; null: there is none. */
    transport(): Transport | null;
}
/** Server-sent events take the place of the WebSocket where a proxy blocks those. */
export type Transport = 'websocket' | 'events';
/** What the connection needs and reports. */
export interface ConnectionParts {
    /** The token to present; bound: on a connection that can't be given another one later. */
    readonly held: (bound: boolean) => Held | null;
    /** The page's own fetch. */
    readonly send: typeof fetch;
    /** generation: of the token that a welcome answers; 0 for other frames. */
    readonly received: (frame: ServerFrame, generation: number) => void;
    readonly changed: (state: ConnectionState, lastClose: number | null) => void;
    /** The token of this generation was refused, for a reason of the server's: replace it, then say `token` or `refreshFailed`. */
    readonly refused: (generation: number, code: string) => void;
}
/** A connection to url; without one ('') nothing ever happens. */
export declare function createConnection(core: Core, url: string, p: ConnectionParts): Connection;
