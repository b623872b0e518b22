import { On } from './connection'
import type { Connection } from './socket'
import type { Core } from './core'
import type { Refresher } from './refresher'

const tickMs = 15_000
/** A tick that comes this late means that the machine slept. */
const sleptMs = 45_000

/**
 * Follows visibility, network, back/forward cache and sleep, for as long as the page lives. look does what has
 * become due; it comes first, since a probe or a reconnect with an expired token would be refused.
 */
export function watchPage(core: Core, look: () => void, { dispatch }: Connection, { suspend, resume }: Refresher): void {
  const { scope, wall } = core
  const { document } = scope
  const hidden = (): boolean => document.visibilityState === 'hidden'
  const back = (on: On): void => {
    look()
    dispatch(on)
  }
  let ticked = wall()
  const tick = (): void => {
    // Hidden pages tick seldom; they look when they are seen again.
    if (wall() - ticked > sleptMs && !hidden()) back(On.wake)
    ticked = wall()
    core.after(tickMs, tick)
  }
  tick()
  if (hidden()) dispatch(On.hidden)
  document.addEventListener('visibilitychange', () => (hidden() ? dispatch(On.hidden) : back(On.visible)))
  scope.addEventListener('online', () => dispatch(On.online))
  scope.addEventListener('offline', () => dispatch(On.offline))
  // A page that holds a socket, a fetch or a lock can't enter the back/forward cache.
  scope.addEventListener('pagehide', () => {
    suspend()
    dispatch(On.freeze)
  })
  scope.addEventListener('pageshow', ({ persisted }) => {
    if (!persisted) return
    resume()
    back(On.thaw)
  })
}
