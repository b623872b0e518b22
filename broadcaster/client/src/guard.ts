import type { Core } from './core'
import { KeyturnError } from './errors'
import { createMark } from './mark'

/** What set off a refresh. */
export type Trigger = 'start' | 'event' | 'claims' | 'expiry' | 'manual' | 'signin' | '401' | '403' | 'socket'

/** Whether a failure set it off, not a plan or a wish. */
export const ofFailure = (trigger: Trigger): boolean => /^(40|so)/.test(trigger)

/** Whether a user waits for it. */
export const wished = (trigger: Trigger): boolean => /^(ma|si)/.test(trigger)

/** Whether the ring's news set it off. */
const ofNews = (trigger: Trigger): boolean => /^(ev|cl)/.test(trigger)

/**
 * What keeps a failure from becoming a loop: the budget of refreshes that failures cause, the breaker that
 * opens when new tokens are refused, and the memory of the claims that a 403 has already been refreshed for.
 * An endpoint that does not answer is no loop; it spends nothing, and is asked ever less often.
 */
export interface Guard {
  /** Counts a refresh that is about to happen; throws when a failure may not cause it. Calling the result takes the count back. */
  admit(trigger: Trigger): () => void
  /** How often in a row the endpoint has not answered, in all tabs of the browser together, and for how many ms more it is left alone. */
  silence(): readonly [times: number, leftMs: number]
  /** Notes that it has answered, or that it has not and is to be left alone for atLeastMs or longer. */
  asked(answered: boolean, atLeastMs?: number | null): void
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
/** Longest rest, in ms, of an endpoint that does not answer and does not say when it will. */
const restMs = 8_000
/** Longest rest that it may ask for, and how long after a rest its silence counts. */
const forgetMs = 60_000
/** The breaker opens for as long when so many new tokens in a row were refused. */
const breakAfter = 2

/**
 * Builds the guard of a ring. The budget is the browser's (localStorage), the claims the tab's (sessionStorage).
 * auto: whether anything but a wish and the end of a token's life may cause a refresh.
 */
export function createGuard(core: Core, ring: string, auto: () => boolean): Guard {
  const budgetKey = `keyturn:budget:${ring}`
  const claims = createMark(core, `keyturn:403:${ring}`)
  const silenceKey = `keyturn:silence:${ring}`
  let refusals = 0
  let last = 0
  let openUntil = 0
  const open = (): boolean => core.now() < openUntil
  const silence = (): [number, number] => {
    const [times = 0, until = 0] = core.read('localStorage', silenceKey).split(' ').map(Number)
    const leftMs = until - core.wall()
    return Math.abs(leftMs) <= forgetMs ? [times, leftMs] : [0, 0]
  }

  return {
    open, silence,
    asked(answered, atLeastMs) {
      let note = ''
      if (!answered) {
        const times = silence()[0] + 1
        const ownMs = (1 + core.roll()) * Math.min(restMs / 2, 500 * 2 ** times)
        note = `${times} ${core.wall() + Math.min(Math.max(ownMs, atLeastMs ?? 0), forgetMs)}`
      }
      core.write('localStorage', silenceKey, note)
    },
    admit(trigger) {
      if ((ofFailure(trigger) || ofNews(trigger)) && !auto()) {
        throw new KeyturnError('auto_refresh_off', 'automatic refresh is off (autoRefreshOnError): refresh by hand')
      }
      if (!ofFailure(trigger)) return () => {}
      if (open()) throw new KeyturnError('breaker_open', 'new tokens are being refused: no refresh for five minutes')
      const wall = core.wall()
      const spent = core.read('localStorage', budgetKey).split(' ').filter((at) => +at > wall - windowMs && +at <= wall)
      if (spent.length >= budget) throw new KeyturnError('budget_spent', 'three refreshes after failures within five minutes: no more for now')
      core.write('localStorage', budgetKey, [...spent, wall].join(' '))
      return () => core.write('localStorage', budgetKey, core.read('localStorage', budgetKey).split(' ').filter((at) => +at !== wall).join(' '))
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
    spentOn: (digest) => claims.read() === digest,
    spend: claims.write,
  }
}
