import type { Keyturn } from './keyturn'

const mark = Symbol.for('keyturn.fetch')

/**
 * Replaces the global fetch by the client's, so that an app keeps its own calls. Requests to other origins pass
 * through untouched. A second installation does nothing. Returns the function that takes it back.
 */
export function installFetch(keyturn: Keyturn, scope: { fetch: typeof globalThis.fetch } = globalThis): () => void {
  const original = scope.fetch
  if (mark in original) return () => {}
  const patched = Object.defineProperties(
    (input: RequestInfo | URL, init?: RequestInit) => keyturn.fetch(input, init),
    { name: { value: original.name }, length: { value: original.length }, [mark]: {} },
  )
  scope.fetch = patched
  return () => {
    if (scope.fetch === patched) scope.fetch = original
  }
}
