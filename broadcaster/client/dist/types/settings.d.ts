import type { AnalyticsReport } from './analytics.js';
import type { AppToken } from './endpoint.js';
import type { Redirect } from './redirect.js';
import type { SignInMode } from './signin.js';
import type { RefreshOn403 } from './verdict.js';
/**
 * What may change while the client runs. It lives in the memory of this tab: a reload returns to what the page
 * was delivered with. Endpoints and origins are no settings: they decide where the token goes.
 */
export interface Settings {
    /** The app's own source of the current token; null when nobody is signed in. */
    readonly getToken: (() => Promise<string | null> | string | null) | null;
    /** The app's own way to a new token; null when only a sign-in helps. */
    readonly refresh: (() => Promise<string | AppToken | null>) | null;
    /** Gets one report for each thing that happened; nothing in it names a user. */
    readonly analytics: ((report: AnalyticsReport) => void) | null;
    /** False: no refresh after a failure, nor for a turned key; asked for and at the end of a token's life it goes on. */
    readonly autoRefreshOnError: boolean;
    /** Verbose lines in the console; `localStorage.debug = 'keyturn'` does the same. */
    readonly debug: boolean;
    /** Which 403 is answered by a refresh: each one once per claims, only under a stale key, none. */
    readonly refreshOn403: RefreshOn403;
    /** Time for the server to process a change of permissions before a 403 refreshes, in ms; at most a minute. */
    readonly refreshDelayMs: number;
    /** How often an answer that says "try again" is waited for, per request; at most 10. */
    readonly maxRetries: number;
    /** A token with less life left, in ms, is replaced in use; at most an hour, never more than half its life. */
    readonly refreshThreshold: number;
    /** How long a token whose life nobody told is used before it is replaced, in ms; a second to a day. */
    readonly cacheTimeout: number;
    /** How long the notice of a success stays, in ms; half a second to a minute. */
    readonly successDismissMs: number;
    /** Whether a success is shown: after a failure that a user could notice, after each one, never. */
    readonly notifyOnSuccess: 'auto' | 'always' | 'never';
    /** Path of this origin to return to when the place a user came from is not known. */
    readonly defaultReturnPath: string;
    /** Path below which the app lives; begins and ends with a slash. */
    readonly basePath: string;
    /** Identity provider to sign in with; '' leaves it to the server. */
    readonly provider: string;
    /** Audience to ask a token for; '' leaves it to the server. */
    readonly audience: string;
    /** How people are signed in again when their session is over. */
    readonly signIn: SignInMode;
    /**
     * Called before the page is left for a sign-in, to save drafts: a promise is waited for, 5 s at most. false keeps the
     * user here; so does an error, unless the user has asked to go.
     */
    readonly onBeforeRedirect: ((redirect: Redirect) => Promise<unknown> | unknown) | null;
    /** How long the callback page shows where it leads before it goes there, in ms; at most ten seconds. */
    readonly callbackDelayMs: number;
    /** Whom a user can turn to. */
    readonly contact: {
        readonly text: string;
        readonly url: string;
    } | null;
    /** BCP 47 tag of the notice's language; '' follows the page. */
    readonly language: string;
    /** Words and phrases by which an error text counts as an authentication failure; null: the usual ones. */
    readonly authWords: readonly string[] | null;
}
export declare const defaults: Settings;
/**
 * Settings with changes applied. A value that will not do becomes the default; a name that is none throws, naming
 * the nearest, and one that the server has locked throws too; then nothing has changed.
 */
export declare function configured(before: Settings, changes: object, locked?: readonly string[]): Settings;
