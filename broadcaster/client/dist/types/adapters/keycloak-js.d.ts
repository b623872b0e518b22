/** keyturn for apps that sign in with keycloak-js 26. Importing this does nothing; the library is not imported. */
import type Keycloak from 'keycloak-js';
import type { Adapter } from './adapter.js';
export type { Adapter } from './adapter.js';
/**
 * The tokens of a Keycloak client that has been initialised. What to know of it:
 *
 * - `updateToken(30)` answers `false` and asks nobody while the token has more than 30 seconds left, whatever its key
 *   or its roles are worth; `updateToken(0)` means 5. Only `updateToken(-1)` refreshes: that is what this calls.
 * - A refresh that the server refuses (status 400) makes it forget all tokens; with `onLoad: 'login-required'` it
 *   leaves the page for the login at once. With `check-sso` the app decides, by `keyturn.on('sessionended', …)`.
 * - Tokens are in the memory of each tab. An `onTokenExpired` that refreshes does so in each of them: leave it out.
 *
 * ```ts
 * await keycloak.init({ onLoad: 'check-sso' })
 * keyturn.configure(fromKeycloak(keycloak))
 * ```
 */
export declare function fromKeycloak(keycloak: Keycloak): Adapter;
