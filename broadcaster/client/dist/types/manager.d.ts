import type { ConfigurationReport } from './check.js';
import type { Config } from './config.js';
import type { Trigger } from './guard.js';
import type { Keyturn, Status } from './keyturn.js';
import type { Settings } from './settings.js';
import type { Stats } from './stats.js';
/**
 * The console's object: the client, and what people ask of it from the developer tools. Frozen, and closed over
 * its state: a walk over its properties meets no token and no key.
 */
export interface Manager extends Keyturn {
    /** True once the client runs. */
    readonly isInitialized: boolean;
    /** A token that is good for use; null when nobody is signed in, or when the token is kept in a cookie. */
    getCurrentToken(): Promise<string | null>;
    getJWTValidationStats(): Stats;
    /** Refreshes the token if it needs it. Never rejects. */
    ensureValidToken(): Promise<TokenCheck>;
    /** Drops the token from memory; the session goes on, and the next use fetches a new one. */
    clearCache(): Promise<void>;
    /** A new token; '' where it is in a cookie. Rejects with a KeyturnError. */
    refreshToken(): Promise<string>;
    /** Changes settings for as long as the page lives. Throws on an unknown, fixed or locked name. */
    updateConfig(changes: Partial<Settings>): void;
    /** Version of this script. */
    readonly version: string;
    /** A copy of the settings; functions are shown as whether there is one. */
    getConfig(): Config;
    /** For app code that found an authentication error by itself. Never rejects; retry: send the request again. */
    handleJWTValidationError(error: unknown): Promise<Recovery>;
    readonly jwtValidator: Validator;
    /** A snapshot for support, without a token. */
    getDebugInfo(): DebugInfo;
    getAuthStatus(): DebugInfo;
    /** What is written in the token in use, or in the one given: read here, verified nowhere, sent nowhere. */
    decodeToken(token?: string): DecodedToken | null;
    getTokenStats(): DecodedToken | null;
    /** Length, kid, iat and exp (Unix seconds) of the token in use. */
    getTokenInfo(): Status['token'];
    /** Drops the token and fetches a new one, and checks the configuration anew. Never rejects. */
    refreshAll(): Promise<{
        readonly success: boolean;
        readonly error?: string;
    }>;
    /** Asks the server whether signer and verifiers agree; prints five lines. Never rejects. */
    checkConfiguration(): Promise<ConfigurationReport>;
    /** Takes tokens from the app's own source from now on; null: from the refresh endpoint again. */
    setTokenGetter(getter: Settings['getToken']): void;
    /**
     * Loads the page anew past all caches: service workers and Cache Storage of this origin are removed, the page is
     * fetched again; cookies and storage stay, and so does the address. Resolves when the reload has been asked for.
     */
    hardRefresh(): Promise<void>;
    /** To be called by whoever shows a notice to the user: it is counted. */
    noticed(): void;
}
export interface TokenCheck {
    readonly valid: boolean;
    readonly token: string | null;
    /** Life left, in seconds; null where nobody told. */
    readonly expiresIn: number | null;
    /** Why it is not valid. */
    readonly error?: string;
}
/** What came of an authentication error that the app reported. */
export interface Recovery {
    readonly success: boolean;
    /** There is a new token: send the request again. */
    readonly retry: boolean;
    readonly token: string | null;
    readonly error?: string;
}
/** Knobs by their older names. */
export interface Validator {
    maxRetries: number;
    setAutoRefresh(on: boolean): void;
    resetStats(): void;
}
export interface DebugInfo extends Status {
    readonly version: string;
    readonly isInitialized: boolean;
    readonly hasToken: boolean;
    readonly config: Config;
    readonly stats: Stats;
    /** What set off the last refresh. */
    readonly lastTrigger: Trigger | null;
}
export interface DecodedToken {
    readonly header: Readonly<Record<string, unknown>>;
    readonly payload: Readonly<Record<string, unknown>>;
}
/** What the console's object is made with. */
export interface ManagerOptions {
    /** False: the configuration is not checked by itself after the first token; a check asks the server once. */
    readonly check?: boolean;
}
/** Builds the console's object of a client. Throws when keyturn is no client. */
export declare function createManager(keyturn: Keyturn, { check }?: ManagerOptions): Manager;
/** Which of the console's object a page shows: all of it, what changes nothing and shows no token, nothing. */
export type Exposure = 'full' | 'readonly' | 'off';
/** Defines `__dynamicAuthManager` and `keyturn`, the same frozen object, which nobody can replace. */
export declare function expose(manager: Manager, exposure?: Exposure, scope?: object): void;
