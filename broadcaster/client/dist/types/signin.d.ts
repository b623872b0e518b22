import type { Core } from './core.js';
import { KeyturnError } from './errors.js';
import type { Guard, Trigger } from './guard.js';
import type { RefreshNews } from './refresher.js';
import type { Settings } from './settings.js';
import type { Vault } from './vault.js';
/**
 * How people are signed in again when their session is over: `off` by the app alone; `silent` in a hidden frame, never
 * by leaving the page; `auto` in a hidden frame, and as the last resort by leaving the page; `redirect` by leaving the
 * page, also after a 403, for servers whose roles come with a sign-in only.
 */
export type SignInMode = 'off' | 'silent' | 'auto' | 'redirect';
/** What is known when the refresh endpoint has said that the session is over. */
export interface Standing {
    readonly mode: SignInMode;
    readonly trigger: Trigger;
    /** This page held a token: somebody was signed in, and has not signed out. */
    readonly known: boolean;
    readonly visible: boolean;
    /** What the hidden frame said: `ok` though the session is still over, `blocked`, a reason, or null when there was none. */
    readonly said: string | null;
    /** This tab has been sent to sign-in within the last five minutes, and nobody has asked for it now. */
    readonly recent: boolean;
}
export declare const enum Way {
    /** The session is over, and that is all. */
    over = 0,
    /** The provider wants to see the user, who has to be told. */
    refused = 1,
    /** The sign-in is set up wrongly: say so. */
    mend = 2,
    /** Nobody waits for it: when somebody does. */
    later = 3,
    redirect = 4
}
/** Reasons of a provider that wants to see the user (OpenID Connect Core section 3.1.2.6), and keyturn's own for another user. */
export declare const wantsUser: RegExp;
/**
 * The next step after a session that is over. A provider that does not know its user in a frame may know them well:
 * browsers keep cookies from frames of other sites. So where pages may be left it is asked again by leaving the page. Pure.
 */
export declare function nextWay({ mode, trigger, known, visible, said, recent }: Standing): Way;
/** How a refresh ends whose session is over. */
export interface Ending {
    readonly news: RefreshNews;
    /** For people, and for callers who are told nothing else; none when nothing has failed. */
    readonly error?: KeyturnError;
    /** For callers. */
    readonly thrown?: KeyturnError | false;
    /** To be done once all of that is told. */
    readonly after?: () => unknown;
}
/** Signs people in again, step by step. */
export interface SignIn {
    readonly leaving: () => KeyturnError | null;
    /** Whether the session need not be asked first. */
    direct(trigger: Trigger): boolean;
    /** What a hidden frame says; null where none is wanted. */
    frame(signal: AbortSignal): Promise<string | null>;
    /** The session is over, for this reason of the server's; said: by the frame. */
    end(trigger: Trigger, code: string, said: string | null, signal: AbortSignal): Promise<Ending>;
    /** Goes to the sign-in of whoever wants to; resolves once the page is being left, or the app has said no. */
    begin(prompt?: string): Promise<void>;
    /** The address of sign-in. marker: for a refresh. */
    address(marker: boolean, more?: Readonly<Record<string, string>>): string;
    /** The page that sign-in comes back to. */
    callback(): string;
    /** The user is gone, or another one is there. */
    cancel(): void;
}
/** What a user is told whom the provider wants to see. */
export declare const expired = "Your authentication session has expired. Please log in again.";
/** stuck hears that the page could not be left; off: sign-in is not this client's, or is just being handled. */
export declare function createSignIn(core: Core, vault: Vault, guard: Guard, ring: string, loginUrl: string, settings: () => Settings, off: () => boolean, log: (line: string) => void, stuck: (trigger: Trigger) => void): SignIn;
