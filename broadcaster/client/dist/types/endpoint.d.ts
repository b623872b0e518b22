import type { Answer } from './vault.js';
/** What asking for a token came to. */
export interface Outcome {
    readonly answer?: Answer;
    /** Stable reason, when there is no answer. */
    readonly code?: string;
    /** The session is over. */
    readonly ended?: boolean;
    /** The server admits refreshes at a rate: no failure, ask again. */
    readonly busy?: boolean;
    /** Asking again would not help. */
    readonly lasting?: boolean;
    /** When to ask again, in ms, where told. */
    readonly retryAfterMs?: number | null;
}
/** What an app's own refresh function may answer. */
export interface AppToken {
    readonly token: string;
    /** Life left, in seconds. */
    readonly expiresIn?: number;
    readonly key?: string;
    readonly kid?: string;
}
/** What a server that answered well has given: a token or, where it keeps tokens in a cookie, what the token says. */
export declare const granted: (body: any) => Outcome;
/**
 * Asks the refresh endpoint. The session cookie alone authorises; hint, a token that is still good, only tells
 * the server that this caller can wait.
 */
export declare function askEndpoint(send: typeof fetch, url: string, hint: string | null, signal: AbortSignal): Promise<Outcome>;
/** Asks the app's own function for a token; null: nobody is signed in any more. */
export declare function askApp(refresh: () => Promise<string | AppToken | null> | string | null): Promise<Outcome>;
