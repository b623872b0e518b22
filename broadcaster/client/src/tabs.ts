import type { Core } from './core'
import { fit } from './shape'
import type { ChannelLike, LockOptions } from './scope'
import type { Held, Vault } from './vault'

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

/** A message: a shared token, or what one in a cookie says; without one, a question for a newer one than that of iat; or a logout at `left`. */
const message = {
  wallAt: 'number', iat: 'number?', left: 'number?', key: 'text?', kid: 'text?', ttlMs: 'number?', length: 'number?',
} as const

const busy = Symbol()

/** Joins the tabs of a ring: adopted is called after a sibling's token was taken over, left after its logout. */
export function joinTabs(core: Core, ring: string, vault: Vault, adopted: () => void, left: () => void): Tabs {
  const name = `keyturn:${ring}`
  const { BroadcastChannel: Channel, navigator: { locks } } = core.scope
  let heard = 0
  let answered: (() => void) | undefined
  let channel: ChannelLike | undefined
  const post = (held: Partial<Held> | null, more: object): void =>
    channel?.postMessage({ wallAt: held?.wallAt ?? 0, iat: held?.claims?.iat ?? null, ...more })
  const share = (held: Held): void => {
    const { token, says, length, key, kid, ttlMs } = held
    post(held, { token, says, length, key, kid, ttlMs })
  }
  const hear = ({ data }: { data: any }): void => {
    const m = fit(message, data)
    if (!m) return
    const held = vault.held()
    heard = core.now()
    if (m.left) {
      if (m.left <= vault.forgotten()) return
      vault.forget(m.left)
      left()
    } else if ('token' in data) {
      if (!vault.take({ ...m, token: data.token, says: data.says }, m.wallAt, 'sibling')) return
      adopted()
      answered?.()
    } else if (held && vault.leftMs() > 0 && ((held.claims.iat ?? 0) - (m.iat ?? 0) || held.wallAt - m.wallAt) > 0) share(held)
  }
  try {
    channel = new Channel!(name)
    channel.onmessage = hear
  } catch {
    // None in an old browser or for an opaque origin; the tab goes on alone.
  }

  /**
   * One request for the lock; busy: not granted. When a sibling steals it, the job goes on and its outcome counts;
   * where locks are refused altogether, the job runs without.
   */
  const attempt = async <T>(options: LockOptions, job: () => Promise<T>): Promise<T | typeof busy> => {
    let running: Promise<T> | undefined
    try {
      return await locks!.request<T | typeof busy>(name, options, (lock) => (lock ? (running = job()) : busy))
    } catch {
      return running ?? (options.signal?.aborted ? busy : job())
    }
  }

  return {
    share,
    leave: () => post(null, { left: vault.forgotten() }),
    async ask(signal) {
      if (!channel) return
      post(vault.held(), {})
      await Promise.race([core.pause(askMs, signal), new Promise<void>((resolve) => (answered = resolve))])
    },
    async exclusively(signal, job) {
      if (!locks) return job()
      const began = core.now()
      for (;;) {
        let got = await core.within(lockMs, signal, (inner) => attempt({ signal: inner }, job))
        signal.throwIfAborted()
        if (got === busy) got = await attempt({ ifAvailable: true }, job)
        if (got === busy && core.now() - Math.max(began, heard) >= silentMs) got = await attempt({ steal: true }, job)
        if (got !== busy) return got
      }
    },
  }
}
