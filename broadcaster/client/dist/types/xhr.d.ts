import type { Keyturn } from './keyturn.js';
/**
 * Has the page's XMLHttpRequest carry the token and recover from refusals as the client's fetch does, for the
 * client's origins only. The app's object behaves as one request: of a refusal that is recovered it sees nothing,
 * neither event nor status; its body goes out again by itself, its timeout spans the whole, and abort() ends it.
 * Synchronous requests pass through untouched, since nothing can be waited for. A second installation does nothing.
 * Returns the function that takes it back.
 */
export declare function installXhr(keyturn: Pick<Keyturn, 'fetch'>, scope?: {
    XMLHttpRequest?: typeof globalThis.XMLHttpRequest;
}): () => void;
/** Whether this page's XMLHttpRequest has been patched by a client. */
export declare const hasXhr: () => boolean;
