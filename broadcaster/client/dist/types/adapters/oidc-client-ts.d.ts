/** keyturn for apps that sign in with oidc-client-ts 3. Importing this does nothing; the library is not imported. */
import type { UserManager } from 'oidc-client-ts';
import type { Adapter } from './adapter.js';
export type { Adapter } from './adapter.js';
/**
 * The tokens of a UserManager. What to know of it:
 *
 * - `signinSilent` called twice at a time sends the same refresh token twice. A provider that rotates refresh tokens
 *   takes the second for theft and ends the session. Here calls share one, in all tabs; do not call it yourself.
 * - `automaticSilentRenew`, which is on unless switched off, does call it, by a timer of each tab. The adapter stops it.
 * - Users are kept for each tab (sessionStorage); with `userStore: new WebStorageStateStore({ store: localStorage })`
 *   all tabs have the newest refresh token, which rotation asks for.
 * - Without a refresh token it renews by a hidden frame, which may come back with another account; with
 *   `validateSubOnSilentRenew: true` such a one is not stored.
 *
 * ```ts
 * keyturn.configure(fromOidcClientTs(manager))
 * ```
 */
export declare function fromOidcClientTs(manager: UserManager): Adapter;
