import type { Trigger } from './guard'
import { plain } from './plain'
import type { RefreshNews } from './refresher'

/** What the request paths report; statistics and episodes are made of it. */
export type Trouble =
  /** An authentication failure, once a request. late: a newer token was there already, so the story is an old one. */
  | { readonly what: 'refused'; readonly status: number; readonly code: string; readonly message: string; readonly late?: boolean }
  /** No refresh, because a guard stands before it; the caller gets the failure, except from `inflight`, which joins. */
  | { readonly what: 'blocked'; readonly layer: Layer; readonly status: number; readonly code: string; readonly message: string }
  /** A 403 after its refresh: truly not allowed. message: the server's detail, or ''. */
  | { readonly what: 'denied'; readonly message: string }
  /** A replay was accepted. */
  | { readonly what: 'recovered' }

/** Which guard stood before a refresh. */
export type Layer = 'attempted' | 'claims' | 'inflight' | 'budget' | 'breaker' | 'stream' | 'off'

/** One story of trouble: from the first refused request or failed refresh until it is over. */
export interface Episode {
  /** Grows; a failure after the end of one is a new one. */
  readonly id: number
  /** over: the user has gone, which is no outcome. */
  readonly phase: 'open' | 'recovered' | 'failed' | 'denied' | 'over'
  /** A user could have noticed: a caller got a failure, or had to wait for a second attempt. */
  readonly noticeable: boolean
  /** Failed refreshes in a row, over episodes; from 2 on a hard refresh is proposed. */
  readonly failures: number
  /** The server says that script or configuration is too old. */
  readonly outdated: boolean
  /** Stable reason, '' without one. */
  readonly code: string
  /** For people: plain text, never markup, no token. */
  readonly message: string
}

/** All that a story is made of. */
export type Happening = Trouble
  /** sound: the token in use is good, so that nobody has noticed a failure, and a success is one. */
  | {
    readonly what: 'refresh'; readonly phase: RefreshNews['phase']; readonly trigger: Trigger; readonly sound: boolean
    readonly code?: string | undefined; readonly message?: string | undefined
  }
  /** The server says that script or configuration is too old. */
  | { readonly what: 'outdated'; readonly code: string; readonly message: string }
  /** The user has signed out. */
  | { readonly what: 'left' }
  /** Begin to count anew. */
  | { readonly what: 'reset' }

export interface Story {
  /** The present episode, or the last one; id 0 before the first. */
  readonly episode: Episode
  /** Episodes so far. */
  readonly count: number
  /** A request was refused in this episode; else only a refresh ahead of time has failed. */
  readonly asked: boolean
  /** A new token has come since; whoever is refused now is refused with it. */
  readonly answered: boolean
}

export const untold: Story = {
  episode: { id: 0, phase: 'over', noticeable: false, failures: 0, outdated: false, code: '', message: '' },
  count: 0, asked: false, answered: false,
}

/** Refreshes that somebody waits for: when one fails, a caller gets the failure. */
const awaited = /^(40|man)/
/** Refreshes that a refused request waits for. */
const asking = /^40/

/** The next state of the story. Where nothing changes for a listener, the episode stays the very same object. */
export function told(before: Story, h: Happening): Story {
  const { episode, asked, answered } = before
  const { id, phase, failures } = episode
  const open = phase === 'open'
  const failed = phase === 'failed'
  const live = open || failed
  const { code = '', message = '' } = h as Partial<Episode>
  /** Goes on with the present episode, or begins another one. */
  const go = (to: Episode['phase'], anew = false, more: Partial<Episode> = {}): Story => {
    const old = anew ? { ...untold.episode, failures, id: id + 1 } : episode
    const next: Episode = {
      ...old, phase: to, noticeable: old.noticeable || to === 'failed' || to === 'denied',
      code: code || old.code, message: plain(message) || old.message, ...more,
    }
    const same = Object.entries(next).every(([name, value]) => episode[name as keyof Episode] === value)
    return {
      episode: same ? episode : next, count: before.count + +anew, asked: !anew && asked, answered: !anew && answered,
    }
  }

  if (code === 'client_outdated') return go('failed', !live, { outdated: true })
  const well = { failures: 0 }
  switch (h.what) {
    case 'refused':
      // Nor is it news that the same is not allowed.
      if (h.status === 403 && phase === 'denied' && episode.message === plain(message)) return before
      // What was refused under an older token belongs to the story that its refresh has ended.
      if (h.late || failed || (open && asked && !answered)) return before
      return { ...go('open', !open || answered), asked: true }
    case 'blocked':
      // A 403 that is not refreshed for is the app's to tell, unless it is a denial; who joins is not held back.
      return h.layer === 'inflight' || h.status === 403 ? before : go('failed', !live)
    case 'denied':
      return phase === 'denied' && episode.message === plain(message) ? before : go('denied', !open, { code: 'denied' })
    case 'recovered':
      return live ? go('recovered', false, well) : before
    case 'left':
      return live || phase === 'denied' ? go('over') : before
    case 'reset':
      return { ...before, count: 0 }
    case 'refresh':
      switch (h.phase) {
        case 'waiting':
          return open && asked ? go('open', false, { noticeable: true }) : before
        case 'done':
        case 'skipped': {
          if (!h.sound) return { ...before, answered: true }
          const next = failed || (open && !asked)
            ? go('recovered', false, well)
            : { ...go(phase, false, well), answered: true }
          return h.trigger === 'manual' ? { ...next, count: 0 } : next
        }
        case 'failed': {
          const more = { failures: failures + 1 }
          if (h.sound && !awaited.test(h.trigger)) return go(live ? phase : 'open', !live, more)
          // Another refused request that could not be helped is a new failure; a plan that is tried again is none.
          return go('failed', !live || (failed && asking.test(h.trigger)), more)
        }
        case 'ended':
          return go('failed', !live)
        case 'blocked':
          return awaited.test(h.trigger) ? go('failed', !live) : before
        case 'started':
        case 'redirecting':
          return before
      }
    case 'outdated':
      return before
  }
}
