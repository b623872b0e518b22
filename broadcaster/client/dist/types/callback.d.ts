import type { Keyturn } from './keyturn.js';
export interface CallbackOptions {
    /** Where to draw; default: over the whole page. null: nothing is drawn. */
    readonly element?: Element | null;
    /** Goes to a path of this origin, for an app that routes by itself; default: the browser loads it, in place of this page. */
    readonly navigate?: (path: string) => void;
    /** How long to show where it leads before going there, in ms; default: the setting `callbackDelayMs`. */
    readonly delayMs?: number;
    /** Takes a token from the address, where a server without codes puts it. Addresses end up in histories and logs. */
    readonly tokenInUrl?: boolean;
}
/** What an address asks for. refresh: it says that the sign-in was for one. */
export type Arrival = {
    readonly refresh: boolean;
} & ({
    readonly what: 'exchange';
    readonly query: string;
} | {
    readonly what: 'token';
    readonly token: string;
}
/** The server has finished the sign-in; the token is fetched. */
 | {
    readonly what: 'fetch';
}
/** The provider wants to see the user: told, and led to sign-in. */
 | {
    readonly what: 'expired';
} | {
    readonly what: 'fail';
    readonly detail: string;
    readonly hint?: string;
});
/** Reads the address of the callback page. Pure. */
export declare function readArrival(search: string, tokenInUrl?: boolean): Arrival;
/**
 * Ends a sign-in on the page that it comes back to (`basePath` + `callback`): takes code, state and other parameters off
 * the address at once, gets the token, and goes to the place that was left for a refresh, or to `defaultReturnPath`.
 * Resolves with the path, or with null where an error is shown; never rejects. Called again meanwhile, it gives what is
 * under way. Throws when keyturn is no client.
 */
export declare function handleCallback(keyturn: Keyturn, options?: CallbackOptions): Promise<string | null>;
