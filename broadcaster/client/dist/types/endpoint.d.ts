import type { Environment } from './environment';
import type { Answer } from './vault';
/** What asking for a token came to. */
export type Outcome = {
    readonly kind: 'token';
    readonly answer: Answer;
}
/** The server admits refreshes at a rate; ask again then. No failure. */
 | {
    readonly kind: 'wait';
    readonly ms: number | null;
}
/** The session is over. */
 | {
    readonly kind: 'ended';
    readonly code: string;
} | {
    readonly kind: 'failed';
    readonly code: string;
    readonly lasting: boolean;
    readonly ms: number | null;
};
/** What an app's own refresh function may answer. */
export interface AppToken {
    readonly token: string;
    /** Life left, in seconds. */
    readonly expiresIn?: number;
    readonly key?: string;
    readonly kid?: string;
}
/**
 * Asks the refresh endpoint. The session cookie alone authorises; hint, a token that is still good, only tells
 * the server that this caller can wait.
 */
export declare function askEndpoint(env: Environment, url: string, hint: string | null, signal: AbortSignal): Promise<Outcome>;
/** Asks the app's own function for a token. */
export declare function askApp(refresh: () => Promise<string | AppToken>): Promise<Outcome>;
