import type { Environment } from './environment'

/** Cancels what it was returned for; again is harmless. */
export type Cancel = () => void

/** Longest delay that browsers keep; beyond it (24.8 days) they fire at once. */
const longest = 2 ** 31 - 1

/** Calls job once after ms milliseconds, however many they are. */
export function after(env: Environment, ms: number, job: () => void): Cancel {
  let id: unknown
  const arm = (left: number): void => {
    // Browsers cut off fractions, which would be early.
    const step = Math.min(Math.max(Math.ceil(left), 0), longest)
    id = env.setTimeout(() => (left > longest ? arm(left - step) : job()), step)
  }
  arm(ms)
  return () => env.clearTimeout(id)
}

/** Resolves after ms milliseconds; rejects with the signal's reason when that comes first. */
export function pause(env: Environment, ms: number, signal: AbortSignal): Promise<void> {
  return until(signal, new Promise((resolve) => signal.addEventListener('abort', after(env, ms, resolve))))
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

/** Runs work under a signal that aborts after ms milliseconds, or with the outer one. */
export async function within<T>(
  env: Environment, ms: number, outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const inner = new AbortController()
  const abort = (): void => inner.abort(outer.reason)
  if (outer.aborted) abort()
  outer.addEventListener('abort', abort)
  const cancel = after(env, ms, () => inner.abort(new DOMException('timed out', 'TimeoutError')))
  try {
    return await work(inner.signal)
  } finally {
    cancel()
    outer.removeEventListener('abort', abort)
  }
}

/** A delay of full jitter: anywhere below the exponentially growing, capped limit. Milliseconds. */
export function jittered(roll: number, attempt: number, base = 1000, cap = 60_000): number {
  return roll * Math.min(cap, base * 2 ** Math.min(attempt, 16))
}
