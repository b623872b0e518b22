/** keyturn for apps that sign in with @auth0/auth0-spa-js 2. Importing this does nothing; the library is not imported. */
import type { Auth0Client, GetTokenSilentlyOptions } from '@auth0/auth0-spa-js'
import type { Adapter } from './adapter'
import { adapt } from './adapter'

export type { Adapter } from './adapter'

/** Which token is asked for, where it is not the one that the client was made for. */
export type Auth0Options = Pick<GetTokenSilentlyOptions, 'authorizationParams' | 'timeoutInSeconds'>

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
export function fromAuth0(client: Auth0Client, options: Auth0Options = {}): Adapter {
  const account = async (): Promise<string | null> => (await client.getUser())?.sub ?? null
  return adapt({
    name: 'auth0-spa-js',
    async now() {
      const [user, token] = [await account(), await client.getTokenSilently({ ...options, cacheMode: 'cache-only' })]
      return user === null ? null : { account: user, token: token ?? null }
    },
    async renew() {
      const got = await client.getTokenSilently({ ...options, cacheMode: 'off', detailedResponse: true })
      const user = await account()
      return got && user !== null ? { account: user, token: got.access_token, expiresIn: got.expires_in } : null
    },
    code(error) {
      const { error: code, name } = error as { error?: string; name?: string }
      return /^(missing_refresh_token|mfa_required)$/.test(code!) ? 'login_required' : code ?? name
    },
    remedy: 'the provider answers from a cache',
  })
}
