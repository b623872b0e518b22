import type { Core } from './core'
import { KeyturnError } from './errors'

/** What set off a refresh. */
export type Trigger = 'start' | 'event' | 'claims' | 'expiry' | 'manual' | 'signin' | '401' | '403' | 'socket'

/** Whether a failure set it off, not a plan or a wish. */
export const ofFailure = (trigger: Trigger): boolean => /^(40|so)/.test(trigger)

/** Whether the ring's news set it off. */
const ofNews = (trigger: Trigger): boolean => /^(ev|cl)/.test(trigger)

/**
 * What keeps a failure from becoming a loop: the budget of refreshes that failures cause, the breaker that
 * opens when new tokens are refused, and the memory of the claims that a 403 has already been refreshed for.
 */
export interface Guard {
  /** Counts a refresh that is about to happen; throws when a failure may not cause it. */
  admit(trigger: Trigger): void
  /** A token of this generation was refused although it was fresh. */
  refused(generation: number): void
  /** A token was accepted. */
  accepted(): void
  /** A new rev, a new user or a wish: one probe is allowed again. */
  renew(): void
  open(): boolean
  /** Whether a 403 under these claims has had its refresh. */
  spentOn(digest: string): boolean
  /** Notes that it has; '' forgets, because what was refused before may be granted now. */
  spend(digest: string): void
}

/** Failures may cause three refreshes within five minutes, in all tabs of the browser together. */
const budget = 3
const windowMs = 300_000
/** The breaker opens for as long when so many new tokens in a row were refused. */
const breakAfter = 2

/**
 * Builds the guard of a ring. The budget is the browser's (localStorage), the claims the tab's (sessionStorage).
 * auto: whether anything but a wish and the end of a token's life may cause a refresh.
 */
export function createGuard(core: Core, ring: string, auto: () => boolean): Guard {
  const budgetKey = `keyturn:budget:${ring}`
  const claimsKey = `keyturn:403:${ring}`
  let refusals = 0
  let last = 0
  let openUntil = 0
  const open = (): boolean => core.now() < openUntil

  return {
    open,
    admit(trigger) {
      if ((ofFailure(trigger) || ofNews(trigger)) && !auto()) {
        throw new KeyturnError('auto_refresh_off', 'automatic refresh is off (autoRefreshOnError): refresh by hand')
      }
      if (!ofFailure(trigger)) return
      if (open()) throw new KeyturnError('breaker_open', 'new tokens are being refused: no refresh for five minutes')
      const wall = core.wall()
      const spent = core.read('localStorage', budgetKey).split(' ').filter((at) => +at > wall - windowMs && +at <= wall)
      if (spent.length >= budget) throw new KeyturnError('budget_spent', 'three refreshes after failures within five minutes: no more for now')
      core.write('localStorage', budgetKey, [...spent, wall].join(' '))
    },
    refused(generation) {
      if (generation !== last && ++refusals >= breakAfter) openUntil = core.now() + windowMs
      last = generation
    },
    accepted() {
      refusals = openUntil = 0
    },
    renew() {
      openUntil = 0
      refusals = Math.min(refusals, breakAfter - 1)
    },
    spentOn: (digest) => core.read('sessionStorage', claimsKey) === digest,
    spend: (digest) => core.write('sessionStorage', claimsKey, digest),
  }
}
