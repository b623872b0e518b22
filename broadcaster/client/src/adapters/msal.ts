/** keyturn for apps that sign in with @azure/msal-browser 4 and 5. Importing this does nothing; the library is not imported. */
import type { AccountInfo, AuthenticationResult, IPublicClientApplication, SilentRequest } from '@azure/msal-browser'
import type { Adapter, Signed } from './adapter'
import { adapt, misfit } from './adapter'

export type { Adapter } from './adapter'

/** Which token is asked for, and whose, where it is not the active account's. */
export type MsalOptions = Omit<SilentRequest, 'forceRefresh' | 'cacheLookupPolicy'>

/** Scopes that are answered with an ID token only (OpenID Connect Core 1.0 section 5.4, section 11). */
const identity = /^(openid|profile|email|offline_access)$/
/** CacheLookupPolicy.AccessToken: an access token of the cache, or an error. */
const cacheOnly = 1

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
export function fromMsal(app: IPublicClientApplication, options: MsalOptions): Adapter {
  if (!options.scopes.some((scope) => !identity.test(scope))) {
    throw new TypeError("msal: name a scope of your API in scopes, such as 'api://<client id>/access_as_user': an ID token is no access token")
  }
  const account = async (): Promise<AccountInfo | null> => {
    await app.initialize()
    const all = app.getAllAccounts()
    const wanted = options.account ?? app.getActiveAccount() ?? (all.length === 1 ? all[0]! : null)
    if (!wanted && all.length > 1) throw misfit('msal', 'several accounts are signed in and none is active: call setActiveAccount')
    return all.find(({ homeAccountId }) => homeAccountId === wanted?.homeAccountId) ?? null
  }
  const signed = ({ account: got, accessToken, expiresOn }: AuthenticationResult): Signed => ({
    account: got?.homeAccountId ?? '',
    token: accessToken || null,
    expiresIn: expiresOn ? (expiresOn.getTime() - Date.now()) / 1000 : undefined,
  })

  return adapt({
    name: 'msal',
    async now() {
      const mine = await account()
      if (!mine) return null
      const cached = app.acquireTokenSilent({ ...options, account: mine, cacheLookupPolicy: cacheOnly })
      return { account: mine.homeAccountId, token: (await cached.catch(() => null))?.accessToken || null }
    },
    async renew() {
      const mine = await account()
      if (!mine) return null
      const got = signed(await app.acquireTokenSilent({ ...options, account: mine, forceRefresh: true }))
      if (!got.token) throw misfit('msal', 'an ID token came and no access token: name a scope of your API in scopes')
      return got
    },
    code(error) {
      const { name, errorCode } = error as { name?: string; errorCode?: string }
      return name === 'InteractionRequiredAuthError' || errorCode === 'no_account_error' ? 'interaction_required' : errorCode ?? name
    },
    remedy: 'the provider answers from a cache',
  })
}
