import type { State } from './frames'
import type { Manager } from './manager'
import type { Scope, SocketLike } from './scope'
import { start } from './tag'

/**
 * The script for the tag with helpers for testers, as `window.keyturnDev`. They stand between the client and the
 * page, so that nothing of them is in the script that users get.
 */
export interface KeyturnDev {
  /** A rotation as if the server had told of one: the client refreshes. Throws while nothing was heard of the ring. */
  rotation(): void
  /** Changed permissions as if the server had told of them. */
  claims(): void
  /** The next `times` (1) API calls by the client are answered with this refusal instead of being sent. */
  authError(status?: 401 | 403, code?: string, times?: number): void
}

/** A scope around the page's, and the helpers that act through it. */
export function rehearse(page: Scope, manager: () => Manager | undefined): { readonly scope: Scope; readonly dev: KeyturnDev } {
  let state: State | null = null
  let listener: ((event: any) => void) | null = null
  let refusals: (() => Response)[] = []

  const hear = (frame: object): void => {
    if (!listener) throw new Error('rehearse: there is no connection: nothing can be heard')
    listener({ data: JSON.stringify(frame) })
  }
  /** A socket whose frames are read on their way. */
  function Socket(url: string, protocols: string[]): SocketLike {
    return new Proxy(new page.WebSocket(url, protocols), {
      get(target, name) {
        const value = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
      set(target, name, value) {
        if (name !== 'onmessage' || !value) return Reflect.set(target, name, value, target)
        listener = value
        target.onmessage = (event) => {
          const frame = JSON.parse(String(event.data))
          if (frame.type === 'state') state = frame
          value(event)
        }
        return true
      },
    })
  }
  const scope = new Proxy(page, {
    get(target, name) {
      if (name === 'WebSocket') return Socket
      const value = Reflect.get(target, name)
      if (name === 'fetch') {
        return (input: RequestInfo | URL, init?: RequestInit) => {
          const carries = input instanceof Request && (input.headers.has('authorization') || input.credentials === 'include')
          return (carries && refusals.shift()?.()) || value.call(page, input, init)
        }
      }
      return typeof value === 'function' && !value.prototype ? value.bind(target) : value
    },
  })
  return {
    scope,
    dev: Object.freeze<KeyturnDev>({
      rotation() {
        if (!state) throw new Error('rehearse a rotation: nothing was heard of the ring yet')
        const real = state
        const sinceMs = 0
        const name = `rehearsed-${real.rev + 1}`
        const stop = manager()!.on('refresh', ({ phase }) => {
          if (phase === 'started') return
          stop()
          // The issuer knows nothing of it: back to what is true, under a rev that counts.
          hear({ ...real, rev: real.rev + 2 })
        })
        hear({
          ...real, sinceMs, rev: real.rev + 1, key: name, kid: name, live: true, refresh: { afterMs: 0, windowMs: 0 },
          retiring: [...real.retiring, { key: real.key, kid: real.kid, forMs: 900_000 }],
        })
      },
      claims: () => hear({ type: 'claims', afterMs: 0, windowMs: 0 }),
      authError(status = 401, code = 'key_retired', times = 1) {
        refusals = Array.from({ length: times }, () => () => new Response(JSON.stringify({ status, code }), {
          status, headers: { 'content-type': 'application/problem+json' },
        }))
      },
    }),
  }
}

let manager: Manager | undefined
const { scope, dev } = rehearse(window as unknown as Scope, () => manager)
manager = start(scope)
if (manager) Object.defineProperty(window, 'keyturnDev', { value: dev })
