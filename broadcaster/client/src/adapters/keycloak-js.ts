/** keyturn for apps that sign in with keycloak-js 26. Importing this does nothing; the library is not imported. */
import type Keycloak from 'keycloak-js'
import type { Adapter, Signed } from './adapter'
import { adapt, misfit } from './adapter'

export type { Adapter } from './adapter'

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
export function fromKeycloak(keycloak: Keycloak): Adapter {
  const now = async (): Promise<Signed | null> => {
    const { authenticated, subject, token, tokenParsed, timeSkew } = keycloak
    if (!authenticated || !token) return null
    const expiresIn = tokenParsed?.exp && typeof timeSkew === 'number' ? tokenParsed.exp - Date.now() / 1000 + timeSkew : undefined
    return { account: subject ?? '', token, expiresIn }
  }
  return adapt({
    name: 'keycloak-js',
    now,
    async renew() {
      if (!keycloak.refreshToken) {
        throw misfit('keycloak-js', "there is no refresh token: sign in with the flow 'standard', and let the client have refresh tokens")
      }
      const { onAuthLogout } = keycloak
      let left = false
      keycloak.onAuthLogout = () => {
        left = true
        onAuthLogout?.call(keycloak)
      }
      try {
        await keycloak.updateToken(-1)
      } finally {
        keycloak.onAuthLogout = onAuthLogout
      }
      if (!left) return now()
      // The library takes the answer even where its tokens have been cleared meanwhile.
      keycloak.clearToken()
      return null
    },
    code(error) {
      const { response, name } = error as { response?: Response; name?: string }
      const codes: Record<number, string> = { 400: 'invalid_grant', 401: 'invalid_client', 403: 'unauthorized_client' }
      return response ? codes[response.status] ?? `status_${response.status}` : name
    },
    remedy: 'the server answers from a cache',
  })
}
