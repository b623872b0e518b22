import type { Core } from './core'
import { until } from './core'
import { KeyturnError } from './errors'

/** What a navigation to sign-in is about to do; given to `onBeforeRedirect`. */
export interface Redirect {
  /** refresh: the user comes back to this very place; login: to the default page. */
  readonly reason: 'refresh' | 'login'
  /** The user, or the app in their name, has asked for it; else a request or the end of a token's life needs it. */
  readonly asked: boolean
  /** Where the navigation goes. */
  readonly url: string
  /** Where it ends: a path of this origin. */
  readonly returnTo: string
}

/** Leaves the page for the sign-in. */
export interface Redirector {
  /** The error of all who wait while the page is being left; null while it stays. */
  leaving(): KeyturnError | null
  /** False when the app has said no. stuck is called if the page is still there after 10 s. */
  go(redirect: Redirect, signal: AbortSignal, stuck: () => void): Promise<boolean>
  /** The page stays after all: stops what is under way. */
  stay(): void
}

/** Longest time that an app may take to save its drafts. */
const hookMs = 5_000
/** A page that is still there after so long has not been left: its user stayed, or the browser would not go. */
const unloadMs = 10_000

/** before: the app's own word on each redirect. */
export function createRedirector(
  core: Core, before: () => ((redirect: Redirect) => unknown) | null, log: (line: string) => void,
): Redirector {
  const { scope } = core
  let error: KeyturnError | null = null
  let untimed: (() => void) | undefined
  const stay = (): void => {
    untimed?.()
    error = null
  }
  // A user who comes back by the browser's own button finds the page as it was left.
  scope.addEventListener('pageshow', ({ persisted }) => persisted && stay())

  return {
    leaving: () => error,
    async go(redirect, signal, stuck) {
      const { reason, asked, url, returnTo } = redirect
      let said: unknown
      try {
        said = await until(signal, Promise.race([before()?.(redirect), core.pause(hookMs)]))
      } catch (failure) {
        signal.throwIfAborted()
        // Drafts that could not be saved are not to be lost, unless the user wants to go.
        said = asked
        reportError(failure)
      }
      if (said === false) return false
      if (reason === 'refresh') {
        core.write('sessionStorage', 'postLoginUrl', returnTo)
        log('[fetchWithAuth] Redirecting to refresh login flow')
      }
      stay()
      error = new KeyturnError('redirecting', 'TOKEN_REFRESH_IN_PROGRESS')
      untimed = core.after(unloadMs, () => {
        stay()
        stuck()
      })
      scope.location!.assign(url)
      return true
    },
    stay() {
      if (error) scope.stop?.()
      stay()
    },
  }
}
