import type { Core } from './core';
import type { Guard, Trigger } from './guard';
import type { Settings } from './settings';
import type { Held, Vault } from './vault';
/** `fetch` options, and the mark by which a request says that it has had its refresh. */
export type AuthRequestInit = RequestInit & {
    readonly _attemptedRefresh?: boolean;
};
export type AuthFetch = (input: RequestInfo | URL, init?: AuthRequestInit) => Promise<Response>;
export interface AuthFetchParts {
    readonly core: Core;
    readonly send: typeof fetch;
    readonly vault: Vault;
    readonly guard: Guard;
    readonly settings: () => Settings;
    readonly log: (line: string) => void;
    readonly count: (what: string) => void;
    /** Whether requests to this address carry the token. */
    readonly protects: (url: URL) => boolean;
    /**
     * The token to send; sound is false when it is known to be none that will do. patient: rather wait for a new
     * one than send one that is about to expire.
     */
    readonly token: (signal: AbortSignal | null, patient: boolean) => Promise<{
        readonly held: Held | null;
        readonly sound: boolean;
    }>;
    readonly refresh: (trigger: Trigger, used: number) => Promise<Held>;
    readonly stale: () => boolean;
}
/**
 * A fetch that adds the token to requests to the protected origins, and recovers the refused ones: one refresh,
 * one replay. All others pass through as they are. Whatever happens, the caller gets a response that nobody has
 * read, or the error that fetch itself would give; only where the user has changed before the request could be
 * sent it rejects with the KeyturnError `signed_out`.
 */
export declare function createAuthFetch(p: AuthFetchParts): AuthFetch;
