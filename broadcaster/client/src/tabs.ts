import type { Environment, LocksLike } from './environment'
import { pause, within } from './timers'
import type { Answer, Held, Vault } from './vault'

/**
 * The other tabs of this browser: who refreshes, and who is told. Works without locks and without a channel,
 * then each tab for itself.
 */
export interface Tabs {
  /** Runs job while no other tab of this browser runs one; only ever around one fetch. */
  exclusively<T>(signal: AbortSignal, job: () => Promise<T>): Promise<T>
  /** Gives siblings that hold a newer token the time to say so. */
  ask(signal: AbortSignal): Promise<void>
  /** Shares a token. */
  share(held: Held): void
  /** Tells the siblings that the user is gone. */
  leave(): void
}

/** Longest wait for the lock, longer than the fetch it guards. */
const lockMs = 15_000
/** A holder that nobody has heard of for so long is frozen, and its lock is taken from it. */
const silentMs = 30_000
/** How long siblings have to answer; a live one needs a few milliseconds. */
const askMs = 50

const busy = Symbol()

type Message =
  | ({ readonly type: 'token'; readonly wallAt: number } & Answer)
  | { readonly type: 'ask'; readonly iat: number; readonly wallAt: number }
  | { readonly type: 'logout'; readonly at: number }

const optional = (v: unknown, type: string): boolean => v === null || typeof v === type

/** Any script of this origin may post here, so a message is read like any foreign one. */
function readMessage(data: unknown): Message | null {
  const m = data as Record<string, unknown> | null
  if (typeof m !== 'object' || !m) return null
  const stamp = m.type === 'logout' ? m.at : m.wallAt
  if (typeof stamp !== 'number' || !Number.isFinite(stamp)) return null
  if (m.type === 'logout') return m as Message
  if (m.type === 'ask') return typeof m.iat === 'number' ? (m as Message) : null
  const whole = typeof m.token === 'string' && optional(m.key, 'string') && optional(m.kid, 'string') &&
    optional(m.ttlMs, 'number')
  return m.type === 'token' && whole ? (m as Message) : null
}

/** Joins the tabs of a ring; adopted is called after a sibling's token was taken over. */
export function joinTabs(
  env: Environment, ring: string, vault: Vault, now: () => number,
  adopted: (held: Held) => void, left: () => void,
): Tabs {
  const name = `keyturn:${ring}`
  let heard = -Infinity
  let answered: (() => void) | null = null
  let channel: ReturnType<Environment['channel']> = null
  try {
    channel = env.channel(name)
  } catch {
    // No channel for an opaque origin; the tab goes on alone.
  }
  const post = (message: Message): void => {
    try {
      channel?.postMessage(message)
    } catch {
      // A closed channel loses nothing that a refresh could not get back.
    }
  }
  const share = ({ token, key, kid, ttlMs, wallAt }: Held): void =>
    post({ type: 'token', token, key, kid, ttlMs, wallAt })

  if (channel) {
    channel.onmessage = ({ data }) => {
      const m = readMessage(data)
      if (!m) return
      heard = now()
      const held = vault.held()
      if (m.type === 'logout') {
        if (m.at <= vault.forgotten()) return
        vault.forget(m.at)
        left()
      } else if (m.type === 'ask') {
        const newer = held && ((held.claims.iat ?? 0) - m.iat || held.wallAt - m.wallAt) > 0
        if (newer && vault.leftMs() > 0) share(held)
      } else {
        const taken = vault.adopt(m, m.wallAt)
        if (!taken) return
        adopted(taken)
        answered?.()
      }
    }
  }

  return {
    share,
    leave: () => post({ type: 'logout', at: vault.forgotten() }),
    async ask(signal) {
      if (!channel) return
      const held = vault.held()
      const early = new Promise<void>((resolve) => (answered = resolve))
      post({ type: 'ask', iat: held?.claims.iat ?? 0, wallAt: held?.wallAt ?? 0 })
      await Promise.race([early, pause(env, askMs, signal)])
    },
    async exclusively(signal, job) {
      const { locks } = env
      if (!locks) return job()
      const began = now()
      for (;;) {
        let got = await within(env, lockMs, signal, (inner) => attempt(locks, name, { signal: inner }, job))
        if (got === busy) {
          signal.throwIfAborted()
          got = await attempt(locks, name, { ifAvailable: true }, job)
        }
        if (got === busy && now() - Math.max(began, heard) >= silentMs) {
          got = await attempt(locks, name, { steal: true }, job)
        }
        if (got !== busy) return got
      }
    },
  }
}

/**
 * One request for the lock. busy: it was not granted. When a sibling steals it, the job goes on and its
 * outcome counts; where locks are refused altogether, the job runs without.
 */
async function attempt<T>(
  locks: LocksLike, name: string, options: Parameters<LocksLike['request']>[1], job: () => Promise<T>,
): Promise<T | typeof busy> {
  let running: Promise<T> | undefined
  try {
    return await locks.request<T | typeof busy>(name, options, (lock) => (lock ? (running = job()) : busy))
  } catch (error) {
    if (running) return running
    if (options.signal?.aborted) return busy
    return job()
  }
}
