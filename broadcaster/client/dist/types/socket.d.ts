import type { ConnectionState, Event } from './connection';
import type { Environment } from './environment';
import type { ServerFrame } from './frames';
import type { Held } from './vault';
/** The subprotocol that is offered, and the only one that is spoken. */
export declare const subprotocol = "keyturn.v1";
/** The connection to the server: carries out what the state machine decides. */
export interface Connection {
    dispatch(event: Event): void;
    /** Reports a refresh that failed; nothing happens without an open connection. */
    failed(code: string): void;
    state(): ConnectionState;
    lastClose(): number | null;
}
export interface ConnectionParts {
    readonly env: Environment;
    /** Null: there is no server to connect to. */
    readonly url: string | null;
    readonly held: () => Held | null;
    /** generation: of the token that a welcome answers; 0 for other frames. */
    readonly received: (frame: ServerFrame, generation: number) => void;
    readonly changed: (state: ConnectionState, lastClose: number | null) => void;
    /** The token of this generation was refused: replace it, then say `token` or `refreshfailed`. */
    readonly refused: (generation: number) => void;
}
export declare function createConnection(p: ConnectionParts): Connection;
