/** keyturn for apps that have a token source of any other kind. Importing this does nothing. */
import type { AppToken } from '../endpoint.js';
import type { Adapter } from './adapter.js';
export type { Adapter } from './adapter.js';
/**
 * An app's own function. With `fresh: true` it must go past its cache and bring a new token. It answers a JWT, or one
 * with the life it has left; null when nobody is signed in, or only a sign-in by the user helps. It rejects when the
 * token could not be got for now.
 */
export type GetToken = (how: {
    readonly fresh: boolean;
}) => Promise<string | AppToken | null> | string | AppToken | null;
/**
 * The tokens of any function. What to know of it:
 *
 * - It is never called with `fresh: true` twice at a time, however many requests were refused at once, nor in two tabs.
 *   Other calls may come at any time, also while a fresh one is under way.
 * - A function that answers from its cache all the same refreshes nothing: that is an error here, and not a new try.
 * - Accounts are told apart by `iss` and `sub` of the token.
 *
 * ```ts
 * keyturn.configure(fromFunction(({ fresh }) => session.accessToken({ force: fresh })))
 * ```
 */
export declare function fromFunction(getToken: GetToken): Adapter;
