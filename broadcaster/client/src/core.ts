import type { Scope, StorageLike } from './scope'

/** What every part of the client stands on: time, waiting, storage, chance. */
export interface Core {
  readonly scope: Scope
  /**
   * Elapsed milliseconds, never decreasing. The wall clock may be wrong or set back, and the page's own clock may
   * stand still while the machine sleeps: what the wall clock gains on it counts as well, so that neither makes a
   * token look younger than it is.
   */
  now(): number
  /** Unix milliseconds as this machine has them; right between the tabs of one machine only. */
  wall(): number
  /** Calls job once after ms milliseconds, however many they are; returns what cancels it. */
  after(ms: number, job: () => void): () => void
  /** Resolves after ms milliseconds, or rejects with the signal's reason. */
  pause(ms: number, signal?: AbortSignal | null): Promise<void>
  /** Runs work under a signal that also aborts after ms milliseconds. */
  within<T>(ms: number, outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** An item of a storage; '' when there is none, or what this page last wrote where storage is switched off. */
  read(area: Area, key: string): string
  /** Stores an item, or removes it when value is ''; false when the storage did not take it. */
  write(area: Area, key: string, value: string): boolean
  /** A random number in [0, 1). */
  roll(): number
}

export type Area = 'localStorage' | 'sessionStorage'

/** Longest delay that browsers keep (24.8 days); beyond it they fire at once. */
const longest = 2 ** 31 - 1

/** Clocks that tick in steps, for privacy, may differ by so much, in ms. */
const coarse = 1000

export function createCore(scope: Scope): Core {
  let elapsed = 0
  let lastWall = 0
  let lastMono = 0
  // key: storage key; value: what this page wrote, and the storage did not take
  const memory = new Map<string, string>()
  const wall = (): number => scope.Date.now()
  const now = (): number => {
    const w = wall()
    const m = scope.performance.now()
    const ran = m - lastMono
    const slept = w - lastWall - ran
    if (lastWall) elapsed += ran + (slept > coarse ? slept : 0)
    lastWall = w
    lastMono = m
    return elapsed
  }
  const after = (ms: number, job: () => void): (() => void) => {
    let id: unknown
    const arm = (left: number): void => {
      // Browsers cut off fractions, which would be early.
      const step = Math.min(Math.max(Math.ceil(left), 0), longest)
      id = scope.setTimeout(() => (left > longest ? arm(left - step) : job()), step)
    }
    arm(ms)
    return () => scope.clearTimeout(id)
  }
  return {
    scope, now, wall, after,
    pause: (ms, signal) => until(signal, new Promise((resolve) => after(ms, resolve))),
    within(ms, outer, work) {
      const inner = new AbortController()
      const stop = after(ms, () => inner.abort())
      return work(AbortSignal.any([outer, inner.signal])).finally(stop)
    },
    read(area, key) {
      try {
        return memory.get(area + key) ?? (scope[area] as StorageLike).getItem(key) ?? ''
      } catch {
        return ''
      }
    },
    write(area, key, value) {
      try {
        if (value) scope[area].setItem(key, value)
        else scope[area].removeItem(key)
        memory.delete(area + key)
        return true
      } catch {
        // Storage is switched off or full; this page's memory serves.
        memory.set(area + key, value)
        return false
      }
    },
    roll: () => scope.Math.random(),
  }
}

/** The outcome of work, or the signal's reason if that comes first; work itself goes on. */
export function until<T>(signal: AbortSignal | null | undefined, work: Promise<T>): Promise<T> {
  if (!signal) return work
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** A delay of full jitter: anywhere below the exponentially growing, capped limit. Milliseconds. */
export function jittered(roll: number, attempt: number, base = 1000): number {
  return roll * Math.min(Math.max(60_000, base), base * 2 ** attempt)
}
