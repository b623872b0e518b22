/**
 * keyturn for axios (version 1 and later): an instance carries the token and recovers from refusals. Importing this
 * does nothing; axios itself is not imported.
 */
import type { AxiosInstance } from 'axios';
import type { Keyturn } from './keyturn.js';
/**
 * Has requests of an axios instance to the client's origins carry the token and recover: one refresh, one replay.
 * Interceptors and transformers of the app run once a request and see only the answer that is for them; several
 * instances share one refresh. `_attemptedRefresh: true` in a request's options forbids it a refresh. A streamed
 * body is never sent twice, and a `timeout` is each attempt's own. Where the page's own XMLHttpRequest has been
 * patched (installXhr, or the script tag's data-origins) that one does it, and this stands back. Returns the function
 * that takes it back.
 *
 * ```ts
 * const stop = installAxios(keyturn, axios.create({ baseURL: 'https://api.example.com' }))
 * ```
 */
export declare function installAxios(keyturn: Pick<Keyturn, 'fetch'>, instance: AxiosInstance): () => void;
