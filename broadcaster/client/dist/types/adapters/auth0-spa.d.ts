/** keyturn for apps that sign in with @auth0/auth0-spa-js 2. Importing this does nothing; the library is not imported. */
import type { Auth0Client, GetTokenSilentlyOptions } from '@auth0/auth0-spa-js';
import type { Adapter } from './adapter.js';
export type { Adapter } from './adapter.js';
/** Which token is asked for, where it is not the one that the client was made for. */
export type Auth0Options = Pick<GetTokenSilentlyOptions, 'authorizationParams' | 'timeoutInSeconds'>;
/**
 * The tokens of an Auth0Client. What to know of it:
 *
 * - `getTokenSilently()` answers from its cache until a minute before the end; a token with a turned key, or with old
 *   roles, comes again and again. Only `cacheMode: 'off'` refreshes: that is what this calls.
 * - With `useRefreshTokens: true` it asks the token endpoint; without, a hidden frame, which browsers that block
 *   third-party cookies answer with `login_required`, and the client then forgets its user.
 * - Refresh tokens in memory are gone after a reload: `missing_refresh_token`, unless `cacheLocation: 'localstorage'`,
 *   which all tabs share, or `useRefreshTokensFallback: true`.
 * - It stores what the token endpoint answers even after a `logout({ openUrl: false })` meanwhile, and has no event to
 *   tell it by. A logout that leaves the page, as usual, ends the request with it.
 * - Without an `audience` the access token is no JWT: name the one of your API.
 *
 * ```ts
 * keyturn.configure(fromAuth0(await createAuth0Client({ … })))
 * ```
 */
export declare function fromAuth0(client: Auth0Client, options?: Auth0Options): Adapter;
