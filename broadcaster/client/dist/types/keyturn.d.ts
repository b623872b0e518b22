import type { AuthFetch } from './authfetch';
import type { Environment } from './environment';
import type { KeyturnEvents, Listener } from './events';
import type { Settings } from './settings';
import type { Status } from './status';
/** Where things are. All of it is fixed once the client runs. */
export interface Options extends Partial<Settings> {
    /** The ring whose keys sign the tokens; may be left out where the server has one ring only. */
    readonly ring?: string;
    /** Origins whose requests carry the token; default: the page's own. `self` names that one. */
    readonly origins?: string | readonly string[];
    /** Default `/v1/stream` of the page's origin; null: no connection. */
    readonly streamUrl?: string | null;
    /** Default `/auth/refresh`. */
    readonly refreshUrl?: string;
    /** Default: `logout` beside the refresh endpoint. */
    readonly logoutUrl?: string;
    /** Tokens come from `getToken` and `refresh` alone. */
    readonly manual?: boolean;
    /** The ring needs no token to be listened to. */
    readonly public?: boolean;
}
/** The client. All functions may be called at any time and in any number at once. */
export interface Keyturn {
    /** Changes settings; unknown names throw. */
    configure(changes: Partial<Settings>): void;
    /** A token that is good for use, refreshed first if it is about to expire; null when nobody is signed in. */
    getToken(): Promise<string | null>;
    /** A new token, whatever the old one is worth. Rejects with a KeyturnError. */
    refresh(): Promise<string>;
    /** `fetch` that adds the token and recovers from 401 and 403; for the configured origins only. */
    readonly fetch: AuthFetch;
    /** Ends the session here, at the server, and in all tabs of this browser. */
    logout(): Promise<void>;
    /** To be called after a sign-in: fetches the new user's token. Rejects with a KeyturnError. */
    signedIn(): Promise<void>;
    /** What is going on, without a secret. */
    status(): Status;
    /** Calls listener at each event; returns the function that ends it. */
    on<K extends keyof KeyturnEvents>(event: K, listener: Listener<K>): () => void;
}
/** Builds a client and starts it: it asks for a token once, connects, and keeps the token fresh from then on. */
export declare function createKeyturn(options?: Options, env?: Environment): Keyturn;
