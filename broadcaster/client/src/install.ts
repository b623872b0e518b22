import type { Keyturn } from './keyturn'

const mark = Symbol.for('keyturn.fetch')

/**
 * Replaces the global fetch by the client's, so that an app keeps its own calls. Requests to other origins pass
 * through untouched. A second installation does nothing. Returns the function that takes it back.
 */
export function installFetch(keyturn: Keyturn, scope: { fetch: typeof globalThis.fetch } = globalThis): () => void {
  const original = scope.fetch as typeof globalThis.fetch & { [mark]?: boolean }
  if (original[mark]) return () => {}
  const patched = Object.assign(
    function fetch(input: RequestInfo | URL, init?: RequestInit) {
      return keyturn.fetch(input, init)
    },
    { [mark]: true },
  )
  Object.defineProperty(patched, 'length', { value: original.length })
  scope.fetch = patched
  return () => {
    if (scope.fetch === patched) scope.fetch = original
  }
}
