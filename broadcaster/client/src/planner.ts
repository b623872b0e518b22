import type { Core } from './core'
import { jittered } from './core'
import { outdated } from './decide'
import type { Claims, State } from './frames'
import type { Trigger } from './guard'
import { place } from './hash'
import type { Vault } from './vault'

/** Decides when to refresh ahead of any failure: by the ring's state, by changed claims, by expiry. */
export interface Planner {
  /** A state frame: a newer rev is adopted, the same one is a beacon, an older one is ignored. True if adopted. */
  state(frame: State): boolean
  claims(frame: Claims): void
  /** The token changed, or more is known of it. fresh: it is another token than before. */
  token(fresh: boolean): void
  /** Does what is due: after a wake, or when the page is seen again. */
  look(): void
  /** Replaces a token that is used though its end is near; not while that has just failed. */
  soon(): void
  /** The ring's state that counts; null before the first. */
  current(): State | null
  /** Whether that state asks to replace the token in use. */
  stale(): boolean
  /** ms until the planned refresh of this rev or these claims, 0 when it is due, null when none is planned. */
  plannedMs(): number | null
  /** What the server's clock says, to compare a token's iat with. */
  serverTime(nowMs: number): void
}

/** Shortest time between two refreshes that events cause; doubles while they lead nowhere. */
const gapMs = 10_000
const longestGapMs = 300_000
/** Deferral when a token has expired already, so that the page renders first. */
const renderMs = 100
/** Shortest time between scheduled refreshes of tokens that live for moments only. */
const briefMs = 5_000

/**
 * refresh must not reject, and says whether a token came of it; timed: its moment has come. planned hears of each
 * slot and of the end of each token; gaveUp is called when the issuer has answered twice with the old key; auto says
 * whether news of the ring may cause refreshes.
 */
export function createPlanner(
  core: Core, vault: Vault, browserId: string,
  refresh: (trigger: Trigger, timed: boolean) => Promise<boolean>,
  planned: (trigger: Trigger, ms: number) => void,
  gaveUp: () => void,
  auto: () => boolean,
): Planner {
  const { now } = core
  let state: State | null = null
  let stateAt = 0 // receipt of the frame that counts
  let revAt = 0 // receipt of the first frame of this rev
  let slot: number | null = null // fixed once a rev
  let claimsSlot: number | null = null
  let claimsAt = 0 // receipt of the last claims frame
  let answers = 0 // tokens since this rev that still had the old key
  let gap = gapMs
  let quietUntil = 0 // no refresh for an event before
  let retryAt = 0 // none at all before, after one that failed
  let failures = 0
  let expiryAt = -Infinity // the last refresh for expiry
  let serverAhead: number | null = null // server's Unix ms minus now()
  let cancel: (() => void) | undefined
  let running = false

  const stale = (): boolean => {
    const held = vault.held()
    if (!held || !state) return false
    const { iat } = held.claims
    const ageMs = now() - held.receivedAt
    const issuedMs = iat && serverAhead ? now() + serverAhead - iat * 1000 : ageMs
    return outdated(state, { key: held.key, kid: held.kid, ageMs, issuedMs }, now() - stateAt)
  }

  /** The refreshes ahead, soonest first: when, and what for. */
  const due = (): [number, Trigger][] => {
    const held = vault.held()
    const all: [number, Trigger][] = []
    const add = (at: number, trigger: Trigger): unknown => all.push([Math.max(at, retryAt), trigger])
    if (!held) return all
    if (auto() && slot !== null && answers < 2 && stale()) add(Math.max(slot, quietUntil), 'event')
    if (auto() && claimsSlot !== null) add(Math.max(claimsSlot, quietUntil), 'claims')
    const left = vault.leftMs()
    if (left < Infinity) add(Math.max(now() + (left > 0 ? left - held.leadMs : renderMs), expiryAt + briefMs), 'expiry')
    return all.sort((a, b) => a[0] - b[0])
  }

  const arm = (): void => {
    cancel?.()
    const next = due()[0]
    if (!next || running) return
    cancel = core.after(next[0] - now(), () => {
      // A hidden page waits for its user: the next look finds what is past.
      if (core.scope.document.visibilityState !== 'hidden') void run(next[1], true)
    })
  }

  const run = async (trigger: Trigger, timed = false): Promise<void> => {
    running = true
    if (trigger === 'expiry') expiryAt = now()
    else quietUntil = now() + gap
    const won = await refresh(trigger, timed)
    running = false
    if (!won) retryAt = now() + gapMs + jittered(core.roll(), ++failures, gapMs)
    arm()
  }

  return {
    state(frame) {
      const old = state
      if (old && frame.rev < old.rev) return false
      state = frame
      stateAt = now()
      const adopted = frame.rev !== old?.rev
      if (adopted) {
        slot = null
        answers = 0
        revAt = stateAt
      }
      // Fixed by the first live frame of the rev; later ones move nothing. A slot that passed while the server
      // could not see the log is fixed anew: else all who missed theirs would come at once.
      if (frame.live && (slot === null || (!old!.live && slot < stateAt))) {
        slot = stateAt + frame.refresh.afterMs + place(browserId, frame.rev) * frame.refresh.windowMs
        if (stale()) planned('event', slot - stateAt)
      }
      arm()
      return adopted
    },
    claims({ afterMs, windowMs }) {
      claimsAt = now()
      const earliest = claimsAt + afterMs
      if (claimsSlot === null || claimsSlot < earliest) {
        claimsSlot = earliest + place(browserId, 'claims') * windowMs
        planned('claims', claimsSlot - now())
      }
      arm()
    },
    token(fresh) {
      const held = vault.held()
      if (fresh && held) {
        retryAt = failures = 0
        if (vault.leftMs() < Infinity) planned('expiry', Math.max(vault.leftMs() - held.leadMs, renderMs))
        // One that was asked for before the claims changed may not have them.
        if (held.receivedAt >= claimsAt) claimsSlot = null
        if (!stale()) gap = gapMs
        else if (held.receivedAt >= revAt) {
          gap = Math.min(gap * 2, longestGapMs)
          quietUntil = now() + gap
          if (++answers === 2) gaveUp()
        }
      }
      arm()
    },
    look: arm,
    soon() {
      if (!running && now() >= retryAt) void run('expiry')
    },
    current: () => state,
    stale,
    plannedMs() {
      const next = due().find(([, trigger]) => trigger !== 'expiry')
      return next ? Math.max(next[0] - now(), 0) : null
    },
    serverTime(nowMs) {
      serverAhead = nowMs - now()
    },
  }
}
