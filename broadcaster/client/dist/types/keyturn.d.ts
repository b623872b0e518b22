import type { AuthFetch } from './authfetch.js';
import type { ConnectionState } from './connection.js';
import type { KeyturnEvents, Listener } from './events.js';
import type { Scope } from './scope.js';
import type { Settings } from './settings.js';
import type { Transport } from './socket.js';
/** Where things are. All of it is fixed once the client runs. */
export interface Options {
    /** The ring whose keys sign the tokens; may be left out where the server has one ring only. */
    readonly ring?: string;
    /** Origins whose requests carry the token, by commas or spaces; default `self`, the page's own. */
    readonly origins?: string;
    /** Default `/v1/stream` of the page's origin; null: no connection. */
    readonly streamUrl?: string | null;
    /** Default `/auth/refresh`. */
    readonly refreshUrl?: string;
    /** Default: `logout` beside the refresh endpoint. */
    readonly logoutUrl?: string;
    /** Where people sign in; default `login` beside the refresh endpoint. */
    readonly loginUrl?: string;
    /** Tokens come from `getToken` and `refresh` alone. */
    readonly manual?: boolean;
    /** The ring needs no token to be listened to. */
    readonly public?: boolean;
    readonly settings?: Partial<Settings>;
}
/** The client. All functions may be called at any time and in any number at once. */
export interface Keyturn {
    /** Changes settings; unknown, fixed and locked names throw, values that will not do become the default. */
    configure(changes: Partial<Settings>): void;
    /**
     * A token that is good for use, refreshed first if it is about to expire; null when nobody is signed in, or when
     * the token is in a cookie that no script can read: `fetch` then goes with it. Rejects with
     * the KeyturnError `redirecting` when the page is being left for a sign-in, `unauthorized` when the user has to see to it.
     */
    getToken(): Promise<string | null>;
    /** A new token, whatever the old one is worth; '' where it is in a cookie that no script can read. Rejects with a KeyturnError. */
    refresh(): Promise<string>;
    /** `fetch` that adds the token and recovers from 401 and 403; for the configured origins only. */
    readonly fetch: AuthFetch;
    /**
     * Ends the session here and in all tabs of this browser at once, then at the server; rejects if that fails. With
     * `signIn` this tab then goes to the provider's own logout, where there is one, and comes back to `defaultReturnPath`.
     */
    logout(): Promise<void>;
    /**
     * Leaves the page for a sign-in that ends on `defaultReturnPath`; prompt is passed on to the provider (OpenID Connect
     * Core section 3.1.2.1). Resolves when the page is being left, or `onBeforeRedirect` has kept it.
     */
    signIn(options?: {
        readonly prompt?: 'login' | 'select_account';
    }): Promise<void>;
    /** To be called after a sign-in: fetches the new user's token. Rejects with a KeyturnError. */
    signedIn(): Promise<void>;
    /** What is going on, without a secret. */
    status(): Status;
    /** Calls listener at each event; returns the function that ends it. */
    on<K extends keyof KeyturnEvents>(event: K, listener: Listener<K>): () => void;
}
/** A snapshot for people and support: no token, no part of one. */
export interface Status {
    readonly ring: string;
    readonly socket: ConnectionState;
    readonly lastClose: number | null;
    /** `events` where a WebSocket could not be opened; null without a connection. */
    readonly transport: Transport | null;
    readonly rev: number | null;
    /** Public name and kid of the current key. */
    readonly key: string | null;
    readonly kid: string | null;
    readonly live: boolean | null;
    readonly token: {
        readonly key: string | null;
        readonly kid: string | null;
        readonly iat: number | null;
        readonly exp: number | null;
        readonly length: number;
        readonly leftMs: number;
    } | null;
    /** Until the planned refresh, 0 when it is due, null when none is planned. */
    readonly plannedMs: number | null;
    readonly breaker: 'open' | 'closed';
    /**
     * How often, since the page was loaded or the counters were reset. key: `<trigger>.<phase>` of a refresh,
     * `adopted` (a sibling's token), `failures` (requests refused), `replays`, `blocked` and `blocked.<layer>` (by a
     * loop guard), `notices` (shown to the user).
     */
    readonly counters: Readonly<Record<string, number>>;
}
/** Builds a client and starts it: it asks for a token once, connects, and keeps the token fresh from then on. */
export declare function createKeyturn(options?: Options, scope?: Scope): Keyturn;
