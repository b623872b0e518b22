/** keyturn for apps that sign in with oidc-client-ts 3. Importing this does nothing; the library is not imported. */
import type { UserManager } from 'oidc-client-ts'
import type { Adapter, Signed } from './adapter'
import { adapt } from './adapter'

export type { Adapter } from './adapter'

type User = Awaited<ReturnType<UserManager['getUser']>>

const signed = (user: User | void): Signed | null =>
  user ? { account: user.profile.sub, token: user.access_token, expiresIn: user.expires_in } : null

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
export function fromOidcClientTs(manager: UserManager): Adapter {
  manager.stopSilentRenew()
  return adapt({
    name: 'oidc-client-ts',
    now: async () => signed(await manager.getUser()),
    async renew() {
      let left = false
      const stop = manager.events.addUserUnloaded(() => { left = true })
      try {
        const user = await manager.signinSilent()
        // The library stores the answer even for a user who has been removed meanwhile.
        if (!left) return signed(user)
        await manager.removeUser()
        return null
      } finally {
        stop()
      }
    },
    code: (error) => (error as { error?: string }).error ?? (error as Error).name,
    remedy: 'the provider answers from a cache',
  })
}
