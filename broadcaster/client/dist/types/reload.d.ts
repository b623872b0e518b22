import type { Inside } from './inside.js';
/**
 * A reload past all caches. A plain reload honours the HTTP cache and keeps service workers and Cache Storage, and
 * no script can press Ctrl + Shift + R: so each of these is emptied by hand. Cookies and storage stay.
 */
/** The part of a window that a hard refresh uses; what a browser does not have is passed over. */
export interface ReloadScope {
    readonly location: {
        readonly href: string;
        replace(url: string): void;
    };
    readonly history: {
        readonly state: unknown;
        replaceState(state: unknown, unused: string, url: string): void;
    };
    readonly caches?: {
        keys(): Promise<readonly string[]>;
        delete(name: string): Promise<boolean>;
    };
    readonly navigator: {
        readonly serviceWorker?: {
            readonly controller?: unknown;
            getRegistrations(): Promise<readonly {
                unregister(): Promise<boolean>;
            }[]>;
        };
    };
    readonly performance: {
        getEntriesByType?(type: string): readonly {
            readonly name: string;
            readonly initiatorType?: string;
        }[];
    };
}
/** An address with a parameter that no cache has seen; the rest of it stays letter by letter. */
export declare function busted(href: string, unique: number): string;
/** The address as it was before. */
export declare function unbusted(href: string): string;
/** Takes the parameter of a hard refresh off the page's address again. True: the hard refresh has a second half to come. */
export declare function tidyAddress({ location, history }: Partial<ReloadScope>): boolean;
/**
 * Reloads the page past all caches. Whatever of it fails, the reload happens. What a page fetches under a worker is no
 * news to the browser's memory of its scripts, and an unregistered worker stays with its page: such a page is loaded
 * twice, and `rest` is what the first load does, without the worker.
 */
export declare function hardRefresh({ core, send, count, report, clear, log }: Inside, rest?: boolean): Promise<void>;
/** What a page begins with: its address is tidied up, and the second half of a hard refresh waits until it has all of its files. */
export declare function resumeHardRefresh(inside: Inside): void;
