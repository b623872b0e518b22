import type { Clock } from './clock'
import type { Outcome } from './endpoint'
import type { Environment } from './environment'
import { KeyturnError } from './errors'
import type { Guard, Trigger } from './guard'
import type { Tabs } from './tabs'
import { jittered, pause, within } from './timers'
import type { Held, Vault } from './vault'

/** Gets new tokens: one attempt at a time in this tab, one fetch at a time in this browser. */
export interface Refresher {
  /**
   * A token newer than generation `used`. Callers at the same time share one attempt. Waits out a busy server
   * for as long as it takes; rejects with a KeyturnError when the session is over, the user has signed out,
   * the guard refuses, or the third attempt has failed.
   */
  refresh(trigger: Trigger, used?: number): Promise<Held>
  /** Ends what is under way: the user is gone. */
  cancel(): void
  /** Lets go of fetch and lock, for a page that is put away; goes on after resume. */
  suspend(): void
  resume(): void
}

export interface RefresherParts {
  readonly env: Environment
  readonly clock: Clock
  readonly vault: Vault
  readonly guard: Guard
  readonly tabs: Tabs
  readonly ask: (hint: string | null, signal: AbortSignal) => Promise<Outcome>
  /** Whether the ring's state asks to replace this token too. */
  readonly stale: (held: Held) => boolean
  readonly told: (news: RefreshNews) => void
}

/** How a refresh goes, for events, counters and logs. */
export interface RefreshNews {
  readonly phase: 'started' | 'waiting' | 'done' | 'skipped' | 'failed' | 'ended' | 'blocked'
  readonly trigger: Trigger
  /** For `waiting`: how long; for failures: the stable reason. */
  readonly waitMs?: number
  readonly code?: string
  readonly error?: KeyturnError
}

/** Longest fetch; shorter than the wait for the lock that it holds. */
const fetchMs = 10_000
/** Attempts without a useful answer that make a failure. */
const attempts = 3

export function createRefresher(p: RefresherParts): Refresher {
  const { env, clock, vault, guard } = p
  let flight: Promise<Held> | null = null
  let life = new AbortController()
  let grip = new AbortController()
  let asleep: Promise<void> | null = null
  let wake = (): void => {}

  async function fly(trigger: Trigger, used: number): Promise<Held> {
    const { signal } = life
    const login = vault.login()
    let failures = 0
    let counted = false

    const attempt = (hold: AbortSignal): Promise<Held | Outcome> =>
      p.tabs.exclusively(hold, async () => {
        await p.tabs.ask(hold)
        signal.throwIfAborted()
        const held = vault.held()
        if (held && held.generation > used && vault.leftMs() > 0 && !(trigger === 'event' && p.stale(held))) return held
        if (!counted) {
          guard.admit(trigger)
          counted = true
          p.told({ phase: 'started', trigger })
        }
        const patient = held && vault.leftMs() > 0 && trigger !== '401' && trigger !== 'socket'
        const askedAt = clock.now()
        const outcome = await within(env, fetchMs, hold, (inner) => p.ask(patient ? held.token : null, inner))
        if (outcome.kind !== 'token' || signal.aborted || login !== vault.login()) return outcome
        const taken = vault.take(outcome.answer, askedAt)
        if (taken) p.tabs.share(taken)
        return taken ?? outcome
      })

    for (;;) {
      await asleep
      signal.throwIfAborted()
      let got: Held | Outcome
      try {
        got = await attempt(grip.signal)
      } catch (error) {
        signal.throwIfAborted()
        if (asleep) continue
        if (error instanceof KeyturnError) {
          p.told({ phase: 'blocked', trigger, code: error.code, error })
          throw error
        }
        got = { kind: 'failed', code: 'network', lasting: false, ms: null }
      }
      signal.throwIfAborted()
      if ('token' in got) {
        p.told({ phase: counted ? 'done' : 'skipped', trigger })
        return got
      }
      if (got.kind === 'ended') {
        const error = new KeyturnError('session_ended', `the session is over (${got.code}): sign in again`)
        p.told({ phase: 'ended', trigger, code: got.code, error })
        throw error
      }
      let waitMs = jittered(env.random(), failures)
      if (got.kind === 'wait') {
        // Spread a little more: many were told the same number.
        waitMs = (got.ms ?? 1000) * (1 + env.random() / 2)
      } else if (got.kind === 'failed') {
        if (got.lasting || ++failures >= attempts) {
          const error = new KeyturnError('refresh_failed', `refresh token: the endpoint answered ${got.code}`)
          p.told({ phase: 'failed', trigger, code: got.code, error })
          throw error
        }
        waitMs = Math.max(waitMs, got.ms ?? 0)
      }
      p.told({ phase: 'waiting', trigger, waitMs })
      await pause(env, waitMs, signal)
    }
  }

  return {
    refresh(trigger, used = vault.held()?.generation ?? 0) {
      const held = vault.held()
      if (held && held.generation > used && vault.leftMs() > 0 && !(trigger === 'event' && p.stale(held))) {
        return Promise.resolve(held)
      }
      if (!flight) {
        const mine = fly(trigger, used).finally(() => {
          if (flight === mine) flight = null
        })
        flight = mine
      }
      return flight
    },
    cancel() {
      life.abort(new KeyturnError('signed_out', 'the user has signed out'))
      grip.abort(life.signal.reason)
      life = new AbortController()
      grip = new AbortController()
      flight = null
    },
    suspend() {
      asleep ??= new Promise((resolve) => (wake = resolve))
      grip.abort()
      grip = new AbortController()
    },
    resume() {
      asleep = null
      wake()
    },
  }
}
