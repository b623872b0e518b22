import type { ConnectionState } from './connection'
import type { ErrorCode } from './errors'
import type { Trigger } from './guard'
import type { Log } from './log'
import type { RefreshNews } from './refresher'

/** key: event; value: what its listeners get. None of it holds a token. */
export interface KeyturnEvents {
  /** A newer state of the ring. */
  readonly state: {
    readonly ring: string
    readonly rev: number
    readonly key: string
    readonly kid: string
    readonly urgency: 'planned' | 'compromise'
    readonly live: boolean
  }
  /** Another token is in use, or none. */
  readonly token: { readonly held: boolean; readonly key: string | null; readonly kid: string | null }
  readonly socket: { readonly state: ConnectionState; readonly lastClose: number | null }
  readonly refresh: {
    readonly phase: RefreshNews['phase']
    readonly trigger: Trigger
    readonly code: string | null
    readonly waitMs: number | null
  }
  /** Something needs attention; `reason` is the server's own word, where it said one. */
  readonly failed: { readonly trigger: Trigger; readonly code: ErrorCode; readonly reason: string | null }
  /** Nobody is signed in any more. */
  readonly sessionended: { readonly code: string }
}

export type Listener<K extends keyof KeyturnEvents> = (news: KeyturnEvents[K]) => void

export interface Events {
  on<K extends keyof KeyturnEvents>(event: K, listener: Listener<K>): () => void
  emit<K extends keyof KeyturnEvents>(event: K, news: KeyturnEvents[K]): void
}

/** Listeners are called in order, at once; one that throws is reported and harms nobody. */
export function createEvents(log: Log): Events {
  const listeners: { [K in keyof KeyturnEvents]?: Set<Listener<K>> } = {}
  return {
    on(event, listener) {
      const all = ((listeners[event] as Set<typeof listener> | undefined) ??= new Set() as never)
      all.add(listener)
      return () => all.delete(listener)
    },
    emit(event, news) {
      for (const listener of listeners[event] ?? []) {
        try {
          listener(news)
        } catch (error) {
          log.warn(`a listener of ${event} threw: ${(error as Error)?.message}`)
        }
      }
    },
  }
}
