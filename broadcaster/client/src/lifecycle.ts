import type { Event } from './connection'
import type { Environment } from './environment'
import { after } from './timers'

/** What the life of the page drives. */
export interface PageParts {
  readonly dispatch: (event: Event) => void
  /** Lets go of fetch and lock: a page that holds one can't enter the back/forward cache. */
  readonly suspend: () => void
  readonly resume: () => void
  /** Does what has become due. */
  readonly look: () => void
}

const tickMs = 15_000
/** A tick that comes this late means that the machine slept. */
const sleptMs = 45_000

/** Follows visibility, network, back/forward cache and sleep, for as long as the page lives. */
export function watchPage(env: Environment, p: PageParts): void {
  const woke = (): void => {
    // Expiry first: a probe or a reconnect with an expired token would be refused.
    p.look()
    p.dispatch({ type: 'wake' })
  }
  let ticked = env.wall()
  const tick = (): void => {
    const now = env.wall()
    // Hidden pages tick seldom; they look when they are seen again.
    if (now - ticked > sleptMs && !env.hidden()) woke()
    ticked = now
    after(env, tickMs, tick)
  }
  after(env, tickMs, tick)

  env.listen('visibilitychange', () => {
    if (env.hidden()) return p.dispatch({ type: 'hidden' })
    p.dispatch({ type: 'visible' })
    woke()
  })
  env.listen('online', () => p.dispatch({ type: 'online' }))
  env.listen('offline', () => p.dispatch({ type: 'offline' }))
  env.listen('pagehide', () => {
    p.suspend()
    p.dispatch({ type: 'freeze' })
  })
  env.listen('pageshow', ({ persisted }) => {
    if (!persisted) return
    p.resume()
    p.look()
    p.dispatch({ type: 'thaw' })
  })
}
