import type { Engine } from './engine'
import { attach, isStream } from './engine'
import type { RecoverParts } from './recover'
import { createRecover } from './recover'

/** `fetch` options, and the mark by which a request says that it has had its refresh. */
export type AuthRequestInit = RequestInit & { readonly _attemptedRefresh?: boolean }
export type AuthFetch = (input: RequestInfo | URL, init?: AuthRequestInit) => Promise<Response>

export interface AuthFetchParts extends RecoverParts {
  readonly send: typeof fetch
  /** Whether requests to this address carry the token. */
  readonly protects: (url: URL) => boolean
}

/**
 * A fetch that adds the token to requests to the protected origins, and recovers the refused ones: one refresh,
 * one replay. All others pass through as they are. Whatever happens, the caller gets a response that nobody has
 * read, or the error that fetch itself would give; only where the user has changed before the request could be
 * sent it rejects with the KeyturnError `signed_out`.
 */
export function createAuthFetch(p: AuthFetchParts): AuthFetch {
  const { core, send, settings } = p
  const recover = createRecover(p)
  const engine: Engine = {
    recover, settings,
    core: { now: core.now, after: core.after },
    protects: (url) => p.protects(new URL(url, core.scope.document.baseURI)),
  }

  return attach(async (input, init) => {
    const ready = input instanceof Request ? input : null
    const url = ready?.url ?? String(input)
    if (!engine.protects(url)) return send(input, init)

    const { body } = init ?? {}
    // Built at once: what the caller does with the options, or with the body's parts, comes too late.
    let request = new Request(ready ?? new URL(url, core.scope.document.baseURI), init)
    const { method, headers } = request
    const replayable = !isStream(body)
    // A body can be sent once. A copy costs time, so it is made only of what could change, or be read up, meanwhile.
    const lasting = typeof body === 'string' || body instanceof Blob
    const none = body == null && (!ready || /^(GET|HEAD)$/.test(method))
    let next: (() => Request) | null = null
    return recover({
      method, replayable,
      signal: init?.signal ?? ready?.signal ?? null,
      attempted: !!init?._attemptedRefresh,
      given: headers.get('authorization'),
      send(authorization, attempted) {
        if (next) request = next()
        if (authorization) request.headers.set('authorization', authorization)
        else if (authorization === '') request = new Request(request, { credentials: 'include' })
        if (replayable && !none) {
          const sent = request
          const copy = lasting ? null : sent.clone()
          next = () => copy ?? new Request(sent, { body })
        }
        return send(request, attempted ? ({ _attemptedRefresh: true } as RequestInit) : undefined)
      },
      status: (response) => response.status,
      view: (response) => response,
    })
  }, engine)
}
