import type { Core } from './core'
import { jittered } from './core'
import type { Outcome } from './endpoint'
import { KeyturnError } from './errors'
import type { Guard, Trigger } from './guard'
import { ofFailure } from './guard'
import type { Tabs } from './tabs'
import type { Held, Vault } from './vault'

/** Gets new tokens: one attempt at a time in this tab, one fetch at a time in this browser. */
export interface Refresher {
  /**
   * A token newer than generation `used`, by default the present one. Callers at the same time share one attempt.
   * Waits out a busy server for as long as it takes; rejects with a KeyturnError when the session is over, the
   * user has signed out, the guard refuses, or the third attempt has failed.
   */
  refresh(trigger: Trigger, used?: number): Promise<Held>
  /** Ends what is under way: the user is gone. */
  cancel(): void
  /** Lets go of fetch and lock, for a page that is put away; goes on after resume. */
  suspend(): void
  resume(): void
}

/** How a refresh goes, for events, counters and logs. */
export interface RefreshNews {
  /** done: a new token; skipped: a sibling had one; blocked: the guard refused. */
  readonly phase: 'started' | 'waiting' | 'done' | 'skipped' | 'failed' | 'ended' | 'blocked'
  readonly trigger: Trigger
  /** The stable reason of a failure. */
  readonly code?: string
  /** How long until the next attempt. */
  readonly waitMs?: number
}

/** Longest fetch; shorter than the wait for the lock that it holds. */
const fetchMs = 10_000
/** Attempts without a useful answer that make a failure. */
const attempts = 3

/** The user whom something was done for is no longer the user. */
export const signedOut = (): KeyturnError => new KeyturnError('signed_out', 'the user has signed out')

/** ask gets a token; told hears the news. */
export function createRefresher(
  core: Core, vault: Vault, guard: Guard, tabs: Tabs,
  ask: (hint: string | null, signal: AbortSignal) => Promise<Outcome>,
  told: (news: RefreshNews, error?: KeyturnError) => void,
): Refresher {
  let flight: Promise<Held> | null = null
  let life = new AbortController() // until the user is gone
  let grip = new AbortController() // until the page is put away
  let asleep: Promise<void> | null = null
  let wake: () => void

  /** The token in use, when it is newer than that of a generation and will do. */
  const newer = (used: number): Held | null => {
    const held = vault.held()
    return held && held.generation > used && vault.leftMs() > 0 ? held : null
  }

  const fly = async (trigger: Trigger, used: number): Promise<Held> => {
    const { signal } = life
    let failures = 0
    let counted = false
    const fail = (phase: RefreshNews['phase'], reason: string, error: KeyturnError): never => {
      told({ phase, trigger, code: reason }, error)
      throw error
    }
    const attempt = (hold: AbortSignal) => async (): Promise<Held | Outcome> => {
      await tabs.ask(hold)
      signal.throwIfAborted()
      const there = newer(used)
      if (there) return there
      if (!counted) guard.admit(trigger)
      if (!counted) told({ phase: 'started', trigger })
      counted = true
      const held = vault.held()
      const patient = held && vault.leftMs() > 0 && !ofFailure(trigger)
      const askedAt = core.wall()
      const got = await core.within(fetchMs, hold, (inner) => ask(patient ? held.token : null, inner))
      const taken = got.answer && !signal.aborted && vault.take(got.answer, askedAt, 'refresh')
      if (taken) tabs.share(taken)
      return taken || got
    }

    for (;;) {
      await asleep
      signal.throwIfAborted()
      const hold = AbortSignal.any([grip.signal, signal])
      let got: Held | Outcome
      try {
        got = await tabs.exclusively(hold, attempt(hold))
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof KeyturnError) fail('blocked', error.code, error)
        if (asleep) continue
        got = { code: 'network' }
      }
      signal.throwIfAborted()
      if ('claims' in got) {
        told({ phase: counted ? 'done' : 'skipped', trigger })
        return got
      }
      const { code = '', retryAfterMs } = got
      if (got.ended) fail('ended', code, new KeyturnError('session_ended', `the session is over (${code}): sign in again`))
      let waitMs = (retryAfterMs || 1000) * (1 + core.roll() / 2)
      if (!got.busy) {
        if (got.lasting || ++failures >= attempts) {
          fail('failed', code, new KeyturnError('refresh_failed', `refresh token: the endpoint answered ${code}`))
        }
        waitMs = Math.max(jittered(core.roll(), failures), retryAfterMs ?? 0)
      }
      told({ phase: 'waiting', trigger, waitMs })
      await core.pause(waitMs, signal)
    }
  }

  return {
    async refresh(trigger, used = vault.held()?.generation ?? 0) {
      // An answer to a request of the old user, come after the logout, must not log in again.
      if (ofFailure(trigger) && vault.signedOut()) throw signedOut()
      for (;;) {
        const there = newer(used)
        if (there) return there
        const mine = (flight ??= fly(trigger, used))
        try {
          // An attempt that began for an older token may end with the very one that has been refused since.
          const got = await mine
          if (got.generation > used) return got
        } finally {
          if (flight === mine) flight = null
        }
      }
    },
    cancel() {
      life.abort(signedOut())
      life = new AbortController()
      flight = null
    },
    suspend() {
      asleep ??= new Promise((resolve) => (wake = resolve))
      grip.abort()
      grip = new AbortController()
    },
    resume() {
      asleep = null
      wake?.()
    },
  }
}
