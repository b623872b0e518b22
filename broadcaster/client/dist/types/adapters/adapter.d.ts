import type { AppToken } from '../endpoint.js';
import { KeyturnError } from '../errors.js';
/** What `keyturn.configure` takes: the tokens of an app that signs in with a library of its own. */
export interface Adapter {
    /** The token of the account in use; null when it is not signed in. Asks the provider only where no token is at hand. */
    readonly getToken: () => Promise<string | null>;
    /**
     * A new token, past every cache; null when only a sign-in by the user helps. Calls at the same time share one.
     * Rejects with a KeyturnError where something is set up wrongly, saying what, and with an Error where the provider
     * could not be asked; neither holds a token.
     */
    readonly refresh: () => Promise<AppToken | null>;
}
/** What a library has in its store. */
export interface Signed {
    /** Tells accounts apart; the same for as long as the user is the same. */
    readonly account: string;
    /** Its access token, however old; null when the library gives none without asking the provider. */
    readonly token: string | null;
    /** Life left, in seconds, where the library knows. */
    readonly expiresIn?: number;
}
/** A library, as an adapter sees it. */
export interface Source {
    /** What errors call it. */
    readonly name: string;
    /** What is there without asking the provider; null when nobody is signed in. */
    now(): Promise<Signed | null>;
    /** Asks the provider, past every cache; null when only a sign-in by the user helps. */
    renew(): Promise<Signed | null>;
    /** The short code of an error of renew: OAuth's where there is one (RFC 6749 section 5.2). */
    code(error: unknown): unknown;
    /** What to change when renew brings the token that was there before. */
    readonly remedy: string;
}
/** A failure that lasts; `keyturn` shows its text and does not ask again. */
export declare const misfit: (name: string, text: string) => KeyturnError;
/** keyturn reads of a token which key it has and when it ends: one that it can't read is of no use to it. */
export declare const opaque: (name: string) => KeyturnError;
/**
 * The adapter of a library. It speaks for one account, the first that it sees: when the library comes to hold another
 * one, nobody is signed in here any more, until the library has held none or the app makes a new adapter.
 */
export declare function adapt(source: Source): Adapter;
