import type { Clock } from './clock'
import type { Bearing } from './decide'
import { decide } from './decide'
import type { Environment } from './environment'
import type { Claims, State } from './frames'
import type { Trigger } from './guard'
import { place } from './hash'
import type { Cancel } from './timers'
import { after, jittered } from './timers'
import type { Held, Vault } from './vault'

/** Decides when to refresh ahead of any failure: by the ring's state, by changed claims, by expiry. */
export interface Planner {
  /** A state frame: a newer rev is adopted, the same one is a beacon, an older one is ignored. True if adopted. */
  state(frame: State): boolean
  claims(frame: Claims): void
  /** The token changed, or more is known of it. fresh: it is another token than before. */
  token(fresh: boolean): void
  /** The page is visible again, or the machine woke: whatever is past is due now. */
  look(): void
  /** The ring's state that counts; null before the first. */
  current(): State | null
  /** Whether that state asks to replace the token in use. */
  stale(held: Held): boolean
  /** ms until the planned refresh of this rev, 0 when it is past, null when none is planned. */
  plannedMs(): number | null
  /** What the server's clock said, to compare a token's iat with. */
  serverTime(nowMs: number): void
}

export interface PlannerParts {
  readonly env: Environment
  readonly clock: Clock
  readonly vault: Vault
  readonly browserId: () => string
  /** Must not reject; true when a token came of it. */
  readonly refresh: (trigger: Trigger) => Promise<boolean>
  readonly planned: (trigger: Trigger, ms: number) => void
  /** The issuer answered twice with the old key. */
  readonly gaveUp: () => void
}

/** Shortest time between two refreshes that events cause; doubles while they lead nowhere. */
const gapMs = 10_000
const longestGapMs = 300_000
/** Deferral when a token has expired already, so that the page renders first. */
const renderMs = 100
/** Shortest time between scheduled refreshes of tokens that live for moments only. */
const briefMs = 5_000

export function createPlanner(p: PlannerParts): Planner {
  const { env, clock, vault } = p
  let state: State | null = null
  let stateAt = 0 // receipt of the frame that counts, on clock
  let revAt = 0 // receipt of the first frame of this rev, on clock
  let slot: number | null = null // fixed once a rev, on clock
  let answers = 0 // tokens since this rev that still had the old key
  let gap = gapMs
  let lastEvent = -Infinity
  let claimsSlot: number | null = null
  let serverAhead: number | null = null // server's Unix ms minus clock
  let retryAt = -Infinity // after a refresh that failed, on clock
  let failures = 0
  let cancel: Cancel = () => {}
  let running = false

  const bearing = (held: Held): Bearing => {
    const { iat } = held.claims
    const ageMs = clock.now() - held.receivedAt
    const issuedMs = iat !== null && serverAhead !== null ? clock.now() + serverAhead - iat * 1000 : ageMs
    return { key: held.key, kid: held.kid, ageMs, issuedMs }
  }
  const stale = (held: Held): boolean => !!state && decide(state, bearing(held), clock.now() - stateAt).refresh

  /** The refreshes ahead, soonest first: what for, and when on clock. */
  const due = (): readonly (readonly [Trigger, number])[] => {
    const held = vault.held()
    const all: [Trigger, number][] = []
    if (!held) return all
    if (slot !== null && answers < 2 && stale(held)) all.push(['event', Math.max(slot, lastEvent + gap)])
    if (claimsSlot !== null) all.push(['claims', Math.max(claimsSlot, lastEvent + gapMs)])
    const left = vault.leftMs()
    if (left < Infinity) {
      const now = clock.now()
      const early = Math.max(now + left - held.leadMs, held.receivedAt + briefMs)
      all.push(['expiry', left > 0 ? early : now + renderMs])
    }
    return all.map(([what, at]) => [what, Math.max(at, retryAt)] as const).sort((a, b) => a[1] - b[1])
  }

  const arm = (): void => {
    cancel()
    const [next] = due()
    if (!next || running) return
    const [trigger, at] = next
    cancel = after(env, at - clock.now(), () => {
      // A hidden page waits for its user: the next look finds what is past.
      if (env.hidden()) return
      if (clock.now() < at) return arm()
      void run(trigger)
    })
  }

  const run = async (trigger: Trigger): Promise<void> => {
    running = true
    if (trigger !== 'expiry') lastEvent = clock.now()
    const won = await p.refresh(trigger)
    running = false
    failures = won ? 0 : failures + 1
    retryAt = won ? -Infinity : clock.now() + gapMs + jittered(env.random(), failures, gapMs, longestGapMs)
    arm()
  }

  return {
    state(frame) {
      if (state && frame.rev < state.rev) return false
      const adopted = !state || frame.rev > state.rev
      const wasLive = state?.live
      state = frame
      stateAt = clock.now()
      if (adopted) {
        slot = null
        answers = 0
        revAt = stateAt
      }
      // Fixed by the first live frame of the rev; later ones move nothing. A slot that passed while the server
      // could not see the log is fixed anew: else all who missed theirs would come at once.
      if (frame.live && (slot === null || (!wasLive && slot < stateAt))) {
        const { afterMs, windowMs } = frame.refresh
        slot = stateAt + afterMs + place(p.browserId(), frame.rev) * windowMs
        const held = vault.held()
        if (held && stale(held)) p.planned('event', slot - stateAt)
      }
      arm()
      return adopted
    },
    claims(frame) {
      const earliest = clock.now() + frame.afterMs
      if (claimsSlot === null || claimsSlot < earliest) {
        claimsSlot = earliest + place(p.browserId(), 'claims') * frame.windowMs
        p.planned('claims', claimsSlot - clock.now())
      }
      arm()
    },
    token(fresh) {
      const held = vault.held()
      if (fresh && held) {
        claimsSlot = null
        if (!state || !stale(held)) gap = gapMs
        else if (held.receivedAt >= revAt) {
          gap = Math.min(gap * 2, longestGapMs)
          lastEvent = clock.now()
          if (++answers === 2) p.gaveUp()
        }
      }
      arm()
    },
    look: arm,
    current: () => state,
    stale,
    plannedMs() {
      const next = due().find(([what]) => what !== 'expiry')
      return next ? Math.max(next[1] - clock.now(), 0) : null
    },
    serverTime(nowMs) {
      serverAhead = nowMs - clock.now()
    },
  }
}
