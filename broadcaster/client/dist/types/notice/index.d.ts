import type { Config } from '../config.js';
import type { Episode } from '../episodes.js';
import type { Settings } from '../settings.js';
import type { Contact } from './panel.js';
import type { Texts } from './texts.js';
export type { Contact } from './panel.js';
export type { Texts } from './texts.js';
/** The part of a manager that the notice uses. What is missing is not offered, or fails when it is clicked. */
export interface NoticeManager {
    on(event: 'episode', listener: (episode: Episode) => void): () => void;
    getConfig?(): Pick<Config, 'successDismissMs' | 'notifyOnSuccess' | 'contact' | 'language'>;
    clearCache?(): unknown;
    refreshToken?(): Promise<unknown>;
    hardRefresh?(): unknown;
    logout?(): Promise<unknown>;
    getDebugInfo?(): unknown;
    noticed?(): void;
}
/** How the notice looks and speaks. What is left out comes from the manager's settings, where there is such a setting. */
export interface NoticeOptions {
    /** BCP 47 tag: en, de, ar, or another one that `texts` speaks. Default: the setting, then the page's `lang`, then English. */
    readonly language?: string;
    /** Texts that replace the notice's own, one by one. */
    readonly texts?: Partial<Texts>;
    /** Corner or edge; start and end follow the language. Default `bottom-end`. */
    readonly placement?: 'top-start' | 'top-center' | 'top-end' | 'bottom-start' | 'bottom-center' | 'bottom-end';
    /** Whom a user can turn to. */
    readonly contact?: Contact | null;
    /** How long a success stays, in ms. */
    readonly successDismissMs?: number;
    readonly notifyOnSuccess?: Settings['notifyOnSuccess'];
    /** Whether leaving the page would lose something; asked before a hard refresh. Default: a look at the page's forms. */
    readonly isDirty?: () => boolean;
    /** Offers to log out where access was denied. */
    readonly logout?: boolean;
}
/**
 * Shows people what the client could not mend, and what they can do about it; `manager` may be a function that says
 * who it is now. There is no element on the page while there is nothing to say. Returns what takes the notice away.
 */
export declare function mountNotice(manager: NoticeManager | null | undefined | (() => NoticeManager | null | undefined), options?: NoticeOptions, page?: Document): () => void;
