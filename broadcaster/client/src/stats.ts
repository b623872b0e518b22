import type { Layer } from './episodes'
import type { Trigger } from './guard'
import type { Inside } from './inside'

/** The last authentication failure, without a token. */
export interface LastError {
  /** Unix ms by this machine's clock. */
  readonly time: number
  /** HTTP status; null when no answer told. */
  readonly status: number | null
  readonly message: string
}

export interface RefreshCounts {
  readonly attempted: number
  readonly succeeded: number
  readonly failed: number
}

/** What has happened since the page was loaded, or the counters were reset. */
export interface Stats {
  /** Stories of trouble, not requests: a burst that one refresh answers counts once. */
  readonly validationFailureCount: number
  readonly lastValidationError: LastError | null
  readonly autoRefreshEnabled: boolean
  readonly maxRetries: number
  readonly refreshes: RefreshCounts & {
    /** A sibling tab had the new token already. */
    readonly adopted: number
    /** key: what set it off */
    readonly byTrigger: Readonly<Partial<Record<Trigger, RefreshCounts>>>
  }
  /** key: the guard that stood before a refresh */
  readonly blocked: Readonly<Partial<Record<Layer, number>>>
  /** Requests that were refused for their token. */
  readonly refusedRequests: number
  readonly retries: number
  readonly notificationsShown: number
  /** In this tab, over its reloads. */
  readonly hardRefreshes: number
}

/** Where the hard refreshes of a tab are counted, over its reloads. */
export const hardKey = 'keyturn:hard'

/** key: phase of a refresh; value: what it counts as. One that the session's end or a guard stopped has failed. */
const kinds: Readonly<Record<string, keyof RefreshCounts>> = { started: 'attempted', done: 'succeeded', failed: 'failed', ended: 'failed' }

/** Statistics out of the flat counters of a client. */
export function statsOf(counters: Readonly<Record<string, number>>, { core, settings, story }: Inside): Stats {
  const { autoRefreshOnError, maxRetries } = settings()
  const { failures, lastError } = story()
  const sum = { attempted: 0, succeeded: 0, failed: 0 }
  const byTrigger: Record<string, typeof sum> = {}
  const blocked: Record<string, number> = {}
  for (const [name, n] of Object.entries(counters)) {
    const [first, second] = name.split('.') as [string, string?]
    const kind = kinds[second ?? '']
    if (kind) {
      sum[kind] += n
      ;(byTrigger[first] ??= { attempted: 0, succeeded: 0, failed: 0 })[kind] += n
    } else if (first === 'blocked' && second) blocked[second] = n
  }
  const { adopted = 0, failures: refusedRequests = 0, replays: retries = 0, notices: notificationsShown = 0 } = counters
  return {
    validationFailureCount: failures, lastValidationError: lastError, autoRefreshEnabled: autoRefreshOnError, maxRetries,
    refreshes: { ...sum, adopted, byTrigger }, blocked, refusedRequests, retries, notificationsShown,
    hardRefreshes: +core.read('sessionStorage', hardKey),
  }
}
