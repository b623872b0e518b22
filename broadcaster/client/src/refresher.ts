import type { Core } from './core'
import type { Outcome } from './endpoint'
import { KeyturnError } from './errors'
import type { Guard, Trigger } from './guard'
import { ofFailure, wished } from './guard'
import type { SignIn } from './signin'
import type { Tabs } from './tabs'
import type { Held, Vault } from './vault'

/** Gets new tokens: one attempt at a time in this tab, one fetch at a time in this browser. */
export interface Refresher {
  /**
   * A token newer than generation `used`, by default the present one. Callers at the same time share one attempt.
   * Waits out a busy server for as long as it takes; rejects with a KeyturnError when the session is over, the
   * user has signed out, the guard refuses, or the endpoint has not answered this browser three times in a row.
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
  /** done: a new token; skipped: a sibling had one; blocked: the guard refused; redirecting: the page is being left. */
  readonly phase: 'started' | 'waiting' | 'done' | 'skipped' | 'failed' | 'ended' | 'blocked' | 'redirecting'
  readonly trigger: Trigger
  /** The stable reason of a failure. */
  readonly code?: string
  /** How long until the next attempt. */
  readonly waitMs?: number
}

/** Longest fetch; shorter than the wait for the lock that it holds. */
const fetchMs = 10_000
/** So many attempts in a row without a useful answer, by whichever tab, make a failure. */
const attempts = 3

/** The user whom something was done for is no longer the user. */
export const signedOut = (): KeyturnError => new KeyturnError('signed_out', 'the user has signed out')

/** ask gets a token, signIn a session where none is left; told hears the news. */
export function createRefresher(
  core: Core, vault: Vault, guard: Guard, tabs: Tabs, signIn: SignIn,
  ask: (hint: string | null, signal: AbortSignal) => Promise<Outcome>,
  told: (news: RefreshNews, error?: KeyturnError) => void,
): Refresher {
  let flight: Promise<Held> | null = null
  let life = new AbortController() // until the user is gone
  let grip = new AbortController() // until the page is put away
  let asleep: Promise<void> | null = null
  let wake: () => void
  let pressed = false // a user waits, for whom an endpoint is asked that is left alone
  let hurry: (() => void) | undefined // ends that rest

  /** The token in use, when it is newer than that of a generation and will do. */
  const newer = (used: number): Held | null => {
    const held = vault.held()
    return held && held.generation > used && vault.leftMs() > 0 ? held : null
  }

  const fly = async (trigger: Trigger, used: number): Promise<Held> => {
    const { signal } = life
    const [before] = guard.silence()
    let takeBack: (() => void) | undefined
    let asked = false
    let said: string | null = null // by a hidden frame
    /** What siblings have asked in vain since need not be asked again. */
    const inVain = (times: number): boolean => times > before && times >= attempts
    const fail = (phase: RefreshNews['phase'], reason: string, error: KeyturnError): never => {
      told({ phase, trigger, code: reason }, error)
      throw error
    }
    /** Null: it was not asked, because it has not answered others. */
    const attempt = (hold: AbortSignal) => async (): Promise<Held | Outcome | null> => {
      await tabs.ask(hold)
      signal.throwIfAborted()
      // After a sign-in a sibling's token may be the one that it was to replace.
      const there = trigger !== 'signin' && newer(used)
      if (there) return there
      const [times, leftMs] = guard.silence()
      if (!pressed && (leftMs > 0 || inVain(times))) return null
      takeBack ??= guard.admit(trigger)
      if (!asked) told({ phase: 'started', trigger })
      asked = true
      pressed = false
      const held = vault.held()
      const patient = held && vault.leftMs() > 0 && !ofFailure(trigger)
      let askedAt = core.wall()
      const once = (): Promise<Outcome> => core.within(fetchMs, hold, (inner) => ask(patient ? held.token : null, inner))
      let got = await once()
      if (got.ended) {
        said = await signIn.frame(hold)
        hold.throwIfAborted()
        askedAt = core.wall()
        if (said === 'ok') got = await once()
        // A provider that is down is waited for as the endpoint is: nobody is sent to it.
        else if (/(_unavailable|_busy|^server_error)$/.test(said ?? '')) got = { code: said! }
      }
      const taken = got.answer && !signal.aborted && vault.take(got.answer, askedAt, 'refresh')
      if (taken) tabs.share(taken)
      return taken || got
    }

    /** What remains when the session is over, or is of no use. */
    const end = async (code: string): Promise<never> => {
      const { news, error, thrown, after } = await signIn.end(trigger, code, said, signal)
      // Nothing has been tried for whoever does not wait.
      if (news.code === code && news.phase === 'failed') takeBack?.()
      told(news, error)
      after?.()
      throw thrown || error!
    }

    if (signIn.direct(trigger)) {
      try {
        guard.admit(trigger)
      } catch (error) {
        fail('blocked', (error as KeyturnError).code, error as KeyturnError)
      }
      await end('role_missing')
    }
    for (;;) {
      await asleep
      signal.throwIfAborted()
      const hold = AbortSignal.any([grip.signal, signal])
      let got: Held | Outcome | null
      try {
        got = await tabs.exclusively(hold, attempt(hold))
      } catch (error) {
        signal.throwIfAborted()
        // An adapter may have been bundled apart, with a class of its own; it says what no new attempt would mend.
        const { name, code } = error as KeyturnError
        if (name === 'KeyturnError') fail(code === 'refresh_failed' ? 'failed' : 'blocked', code, error as KeyturnError)
        if (asleep) continue
        got = { code: 'network' }
      }
      signal.throwIfAborted()
      if (got && 'claims' in got) {
        guard.asked(true)
        told({ phase: asked ? 'done' : 'skipped', trigger })
        return got
      }
      const { code = 'network', ended, busy, lasting, retryAfterMs } = got ?? {}
      if (got) guard.asked(!!(ended || busy || lasting), retryAfterMs)
      if (ended) await end(code)
      const [times, leftMs] = guard.silence()
      if (!busy && (lasting || (got ? times >= attempts : inVain(times)))) {
        if (!lasting) takeBack?.()
        fail('failed', code, new KeyturnError('refresh_failed', `refresh token: the endpoint answered ${code}`))
      }
      const waitMs = busy ? (retryAfterMs || 1000) * (1 + core.roll() / 2) : leftMs
      told({ phase: 'waiting', trigger, waitMs })
      const pause = core.pause(waitMs, signal)
      await (busy ? pause : Promise.race([pause, new Promise<void>((resolve) => (hurry = resolve))]))
    }
  }

  return {
    async refresh(trigger, used = vault.held()?.generation ?? 0) {
      // An answer to a request of the old user, come after the logout, must not log in again.
      if (ofFailure(trigger) && vault.signedOut()) throw signedOut()
      const leaving = signIn.leaving()
      if (leaving && trigger !== 'signin') throw leaving
      if (wished(trigger)) {
        pressed = true
        hurry?.()
      }
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
