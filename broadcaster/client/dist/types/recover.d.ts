import type { Core } from './core.js';
import type { Trouble } from './episodes.js';
import type { Guard, Trigger } from './guard.js';
import type { Settings } from './settings.js';
import type { Held, Vault } from './vault.js';
/** One request of the app, whatever carries it. A is the carrier's own form of an answer. */
export interface Carrier<A> {
    readonly method: string;
    readonly signal: AbortSignal | null;
    /** False for a body that can be sent once only. */
    readonly replayable: boolean;
    /** The caller says that this request has had its refresh. */
    readonly attempted: boolean;
    /** The caller's own `Authorization`; null without one. */
    readonly given: string | null;
    /**
     * Sends the request as it was called, with this `Authorization` (null: the caller's own; '': none, with cookies to
     * other origins, too). attempted: for the last time.
     */
    send(authorization: string | null, attempted: boolean): Promise<A>;
    status(answer: A): number;
    /** An answer as a response of which nothing has been read; asked for only where it may be a refusal. */
    view(answer: A): Response;
}
/** Sends a request and recovers it if it is refused; resolves with the answer that is for the caller. */
export type Recover = <A>(request: Carrier<A>) => Promise<A>;
export interface RecoverParts {
    readonly core: Core;
    readonly vault: Vault;
    readonly guard: Guard;
    readonly settings: () => Settings;
    readonly log: (line: string) => void;
    readonly count: (what: string) => void;
    /** Hears what becomes of refused requests. */
    readonly trouble: (trouble: Trouble) => void;
    /**
     * The token to send; sound is false when it is known to be none that will do. patient: rather wait for a new
     * one than send one that is about to expire.
     */
    readonly token: (signal: AbortSignal | null, patient: boolean) => Promise<{
        readonly held: Held | null;
        readonly sound: boolean;
    }>;
    readonly refresh: (trigger: Trigger, used: number) => Promise<Held>;
    readonly stale: () => boolean;
    /** The page is being left for a sign-in. */
    readonly leaving: () => unknown;
}
/** Whether an error is for the caller, instead of the answer that was refused. */
export declare const isFinal: (code: string) => boolean;
/** Whether an answer of this status may be a refusal: 401 and 403, and all that went well where the app has named words. */
export declare function mayRefuse(status: number, { authWords }: Settings): boolean;
/**
 * The one engine behind all ways to send a request: it adds the token, and answers a refusal by one refresh and
 * one replay. Refreshes are shared by whatever asks for them, so that several carriers need no word between them.
 */
export declare function createRecover(p: RecoverParts): Recover;
