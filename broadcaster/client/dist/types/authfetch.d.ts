import type { Clock } from './clock';
import type { Environment } from './environment';
import type { Guard, Trigger } from './guard';
import type { Log } from './log';
import type { Held, Vault } from './vault';
import type { RefreshOn403 } from './verdict';
/** `fetch` options, and the mark by which a request says that it has had its refresh. */
export type AuthRequestInit = RequestInit & {
    readonly _attemptedRefresh?: boolean;
};
export type AuthFetch = (input: RequestInfo | URL, init?: AuthRequestInit) => Promise<Response>;
export interface AuthFetchParts {
    readonly env: Environment;
    readonly clock: Clock;
    readonly vault: Vault;
    readonly guard: Guard;
    readonly log: Log;
    readonly origins: () => readonly string[];
    readonly authEndpoints: readonly string[];
    readonly settings: () => {
        readonly refreshOn403: RefreshOn403;
        readonly refreshDelayMs: number;
        readonly maxRetries: number;
    };
    /**
     * The token to send; sound is false when it is known to be none that will do. patient: rather wait for a new
     * one than send one that is about to expire.
     */
    readonly token: (signal: AbortSignal | null, patient: boolean) => Promise<{
        readonly held: Held | null;
        readonly sound: boolean;
    }>;
    readonly refresh: (trigger: Trigger, used: number) => Promise<Held>;
    readonly stale: (held: Held) => boolean;
    readonly count: (what: 'replays' | 'blocked' | 'failures') => void;
}
/**
 * A fetch that adds the token to requests to the protected origins, and recovers the refused ones: one refresh,
 * one replay. All others pass through as they are. Whatever happens, the caller gets a response that nobody has
 * read, or the error that fetch itself would give.
 */
export declare function createAuthFetch(p: AuthFetchParts): AuthFetch;
