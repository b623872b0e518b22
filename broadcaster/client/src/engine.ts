import type { Core } from './core'
import type { Recover } from './recover'
import type { Settings } from './settings'

/** What a client's other carriers, XMLHttpRequest and axios, stand on. */
export interface Engine {
  readonly core: Pick<Core, 'now' | 'after'>
  readonly recover: Recover
  readonly settings: () => Settings
  /** Whether requests to this address, relative to the page's, carry the token. */
  readonly protects: (url: string) => boolean
}

// Found by name, so that a bundle of the package and the script of the tag understand each other.
const key = Symbol.for('keyturn.engine')

/** A client's fetch, which its engine goes with. */
export function attach<F extends object>(fetch: F, engine: Engine): F {
  return Object.defineProperty(fetch, key, { value: engine })
}

/** The engine of a client. Throws when what was given is none. */
export function engineOf(keyturn: { readonly fetch: object }): Engine {
  const engine = (keyturn?.fetch as any)?.[key] as Engine | undefined
  if (!engine) throw new TypeError('keyturn: this is no client: pass what createKeyturn returned, or window.keyturn')
  return engine
}

/** Whether a body is read up by being sent. */
export const isStream = (body: any): boolean => !!(body?.getReader || body?.[Symbol.asyncIterator])
