import type { RecoverParts } from './recover.js';
/** `fetch` options, and the mark by which a request says that it has had its refresh. */
export type AuthRequestInit = RequestInit & {
    readonly _attemptedRefresh?: boolean;
};
export type AuthFetch = (input: RequestInfo | URL, init?: AuthRequestInit) => Promise<Response>;
export interface AuthFetchParts extends RecoverParts {
    readonly send: typeof fetch;
    /** Whether requests to this address carry the token. */
    readonly protects: (url: URL) => boolean;
}
/**
 * A fetch that adds the token to requests to the protected origins, and recovers the refused ones: one refresh,
 * one replay. All others pass through as they are. Whatever happens, the caller gets a response that nobody has
 * read, or the error that fetch itself would give; only where the user has changed before the request could be
 * sent it rejects with the KeyturnError `signed_out`.
 */
export declare function createAuthFetch(p: AuthFetchParts): AuthFetch;
