/** keyturn for apps that sign in with @azure/msal-browser 4 and 5. Importing this does nothing; the library is not imported. */
import type { IPublicClientApplication, SilentRequest } from '@azure/msal-browser';
import type { Adapter } from './adapter.js';
export type { Adapter } from './adapter.js';
/** Which token is asked for, and whose, where it is not the active account's. */
export type MsalOptions = Omit<SilentRequest, 'forceRefresh' | 'cacheLookupPolicy'>;
/**
 * The tokens of an MSAL application. What to know of it:
 *
 * - `acquireTokenSilent` answers from its cache until the token has expired: called for a turned key it refreshes
 *   nothing, and says nothing. Only `forceRefresh: true` does: that is what this sets.
 * - An ID token is no access token, and no API may take it for one. `scopes` names your API's own scope; asked for
 *   `openid` and `profile` alone, MSAL has an ID token to give and nothing else that fits.
 * - With several accounts in the cache it takes the active one: call `setActiveAccount` after the sign-in.
 * - `interaction_required`, and what amounts to it, ends the sign-in here: `keyturn.on('sessionended', …)` is the
 *   place to call `acquireTokenRedirect`.
 *
 * ```ts
 * keyturn.configure(fromMsal(app, { scopes: ['api://payments/access_as_user'] }))
 * ```
 */
export declare function fromMsal(app: IPublicClientApplication, options: MsalOptions): Adapter;
