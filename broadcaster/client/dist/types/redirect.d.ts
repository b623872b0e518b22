import type { Core } from './core.js';
import { KeyturnError } from './errors.js';
/** What a navigation to sign-in is about to do; given to `onBeforeRedirect`. */
export interface Redirect {
    /** refresh: the user comes back to this very place; login: to the default page. */
    readonly reason: 'refresh' | 'login';
    /** The user, or the app in their name, has asked for it; else a request or the end of a token's life needs it. */
    readonly asked: boolean;
    /** Where the navigation goes. */
    readonly url: string;
    /** Where it ends: a path of this origin. */
    readonly returnTo: string;
}
/** Leaves the page for the sign-in. */
export interface Redirector {
    /** The error of all who wait while the page is being left; null while it stays. */
    leaving(): KeyturnError | null;
    /** False when the app has said no. stuck is called if the page is still there after 10 s. */
    go(redirect: Redirect, signal: AbortSignal, stuck: () => void): Promise<boolean>;
    /** The page stays after all: stops what is under way. */
    stay(): void;
}
/** before: the app's own word on each redirect. */
export declare function createRedirector(core: Core, before: () => ((redirect: Redirect) => unknown) | null, log: (line: string) => void): Redirector;
