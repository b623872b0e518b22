import type { Keyturn } from './keyturn.js';
/**
 * Replaces the global fetch by the client's, so that an app keeps its own calls. Requests to other origins pass
 * through untouched. A second installation does nothing. Returns the function that takes it back.
 */
export declare function installFetch(keyturn: Keyturn, scope?: {
    fetch: typeof globalThis.fetch;
}): () => void;
