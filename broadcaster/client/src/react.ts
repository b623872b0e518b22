/** keyturn for React 18 and later: a provider and two hooks. */
import type { ReactElement, ReactNode } from 'react'
import { createContext, createElement, useContext, useSyncExternalStore } from 'react'
import type { KeyturnEvents } from './events'
import type { Keyturn, Status } from './keyturn'

const Context = createContext<Keyturn | null>(null)

/** Gives the components below it a client, made once and outside of them: `const keyturn = createKeyturn(…)`. */
export function KeyturnProvider({ keyturn, children }: { readonly keyturn: Keyturn; readonly children?: ReactNode }): ReactElement {
  return createElement(Context.Provider, { value: keyturn }, children)
}

/** The client: `const { fetch } = useKeyturn()`. Never renders anew by itself. Throws outside of a provider. */
export function useKeyturn(): Keyturn {
  const keyturn = useContext(Context)
  if (!keyturn) throw new Error('useKeyturn: no client: put <KeyturnProvider keyturn={…}> around the component')
  return keyturn
}

interface Store {
  readonly subscribe: (changed: () => void) => () => void
  readonly snapshot: () => Status
}

// What is shown changes by these; durations in a status are as of the last of them.
const events = ['state', 'token', 'socket', 'refresh', 'failed', 'sessionended', 'episode'] as const satisfies readonly (keyof KeyturnEvents)[]

// key: a client. A status is a new object each time it is asked for, and a render must get the same one until something happens.
const stores = new WeakMap<Keyturn, Store>()

function storeOf(keyturn: Keyturn): Store {
  const known = stores.get(keyturn)
  if (known) return known
  const watchers = new Set<() => void>()
  let status: Status | null = null
  for (const event of events) {
    keyturn.on(event, () => {
      status = null
      for (const changed of watchers) changed()
    })
  }
  const store: Store = {
    subscribe(changed) {
      watchers.add(changed)
      return () => watchers.delete(changed)
    },
    snapshot: () => (status ??= keyturn.status()),
  }
  stores.set(keyturn, store)
  return store
}

/** What is going on, without a secret; renders anew when that changes. With select only what it picks counts, by `Object.is`. */
export function useKeyturnStatus(): Status
export function useKeyturnStatus<T>(select: (status: Status) => T): T
export function useKeyturnStatus(select: (status: Status) => unknown = (status) => status): unknown {
  const { subscribe, snapshot } = storeOf(useKeyturn())
  const selected = (): unknown => select(snapshot())
  return useSyncExternalStore(subscribe, selected, selected)
}
