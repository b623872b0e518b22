import type { Clock } from './clock'
import type { Environment, StorageLike } from './environment'
import { KeyturnError } from './errors'

/** What set off a refresh. */
export type Trigger = 'start' | 'event' | 'claims' | 'expiry' | 'manual' | 'signin' | '401' | '403' | 'socket'

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
  /** A new rev or a new user: one probe is allowed again. */
  renew(): void
  open(): boolean
  /** Whether a 403 under these claims has had its refresh. */
  spentOn(digest: string): boolean
  spend(digest: string): void
  /** The permissions or the key changed: what was refused before may be granted now. */
  pardon(): void
}

const budget = 3
const windowMs = 300_000
const breakAfter = 2

/** Builds the guard of a ring. The budget is the browser's (localStorage), the claims the tab's (sessionStorage). */
export function createGuard(env: Environment, clock: Clock, ring: string): Guard {
  const spentKey = `keyturn:budget:${ring}`
  const claimsKey = `keyturn:403:${ring}`
  // key: storage key; value: what a browser without storage would keep
  const memory = new Map<string, string>()
  const read = (area: () => StorageLike, key: string): string => {
    try {
      return area().getItem(key) ?? ''
    } catch {
      return memory.get(key) ?? ''
    }
  }
  const write = (area: () => StorageLike, key: string, value: string): void => {
    memory.set(key, value)
    try {
      area().setItem(key, value)
    } catch {
      // Storage is switched off or full; this page's memory serves.
    }
  }
  let refusals = 0
  let last = 0
  let openUntil = -Infinity

  return {
    admit(trigger) {
      if (trigger !== '401' && trigger !== '403' && trigger !== 'socket') return
      if (clock.now() < openUntil) {
        throw new KeyturnError('breaker_open', 'new tokens are being refused: no refresh for five minutes')
      }
      const wall = clock.wall()
      const spent = read(env.local, spentKey).split(' ').filter((at) => Number(at) > wall - windowMs && Number(at) <= wall)
      if (spent.length >= budget) {
        throw new KeyturnError('budget_spent', 'three refreshes after failures within five minutes: no more for now')
      }
      write(env.local, spentKey, [...spent, wall].join(' '))
    },
    refused(generation) {
      if (generation === last) return
      last = generation
      if (++refusals >= breakAfter) openUntil = clock.now() + windowMs
    },
    accepted() {
      refusals = 0
      openUntil = -Infinity
    },
    renew() {
      openUntil = -Infinity
      refusals = Math.min(refusals, breakAfter - 1)
    },
    open: () => clock.now() < openUntil,
    spentOn: (digest) => read(env.session, claimsKey) === digest,
    spend: (digest) => write(env.session, claimsKey, digest),
    pardon: () => write(env.session, claimsKey, ''),
  }
}
