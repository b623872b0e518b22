/**
 * keyturn for axios (version 1 and later): an instance carries the token and recovers from refusals. Importing this
 * does nothing; axios itself is not imported.
 */
import type { AxiosInstance, AxiosResponse, InternalAxiosRequestConfig } from 'axios'
import { engineOf, isStream } from './engine'
import type { Keyturn } from './keyturn'
import { hasXhr } from './xhr'

type Adapter = InternalAxiosRequestConfig['adapter']
type Sent = { readonly response: AxiosResponse; readonly error?: unknown }

/** What the engine reads of a refusal; a body that is streamed, or a document, is left alone. */
function viewed({ status, data, headers }: AxiosResponse): Response {
  const body = typeof data === 'string' || data instanceof Blob || data instanceof ArrayBuffer ? data : null
  const kept = new Headers()
  for (const name of ['content-type', 'www-authenticate', 'retry-after']) {
    if (headers[name]) kept.set(name, `${headers[name]}`)
  }
  return new Response(body, { status, headers: kept })
}

/**
 * Has requests of an axios instance to the client's origins carry the token and recover: one refresh, one replay.
 * Interceptors and transformers of the app run once a request and see only the answer that is for them; several
 * instances share one refresh. `_attemptedRefresh: true` in a request's options forbids it a refresh. A streamed
 * body is never sent twice, and a `timeout` is each attempt's own. Where the page's own XMLHttpRequest has been
 * patched (installXhr, or the script tag's data-origins) that one does it, and this stands back. Returns the function
 * that takes it back.
 *
 * ```ts
 * const stop = installAxios(keyturn, axios.create({ baseURL: 'https://api.example.com' }))
 * ```
 */
export function installAxios(keyturn: Pick<Keyturn, 'fetch'>, instance: AxiosInstance): () => void {
  const { protects, recover } = engineOf(keyturn)
  // Without interceptors and transformers: a request that goes out by it is the one that came to the adapter.
  const bare = instance.create({ transformRequest: [], transformResponse: [] })
  bare.defaults.headers = {} as typeof bare.defaults.headers
  // key: an adapter of ours; value: the one that it stands for. An app may send a failed request's options again.
  const ours = new WeakMap<object, Adapter>()

  const through = (original: Adapter) => async (config: InternalAxiosRequestConfig): Promise<AxiosResponse> => {
    const { headers, signal, cancelToken } = config
    const gone = new AbortController()
    const cancel = (reason: unknown): void => gone.abort(reason)
    cancelToken?.subscribe(cancel)
    const sent = await recover<Sent>({
      method: config.method ?? 'get',
      signal: signal ? AbortSignal.any([signal as AbortSignal, gone.signal]) : gone.signal,
      replayable: !isStream(config.data),
      attempted: !!(config as { _attemptedRefresh?: boolean })._attemptedRefresh,
      given: (headers.get('authorization') as string | undefined) || null,
      async send(authorization) {
        const own = headers.concat(authorization ? { authorization } : {})
        try {
          return { response: await bare.request({ ...config, ...(authorization === '' && { withCredentials: true }), adapter: original, headers: own, transformRequest: [], transformResponse: [] }) }
        } catch (error) {
          const { response } = error as { response?: AxiosResponse }
          if (!response) throw error
          return { response, error }
        }
      },
      status: ({ response }) => response.status,
      view: ({ response }) => viewed(response),
    }).finally(() => cancelToken?.unsubscribe(cancel))
    sent.response.config = config
    if (!('error' in sent)) return sent.response
    throw Object.assign(sent.error as object, { config })
  }

  const id = instance.interceptors.request.use((config) => {
    const adapter = config.adapter as any
    const original: Adapter = ours.has(adapter) ? ours.get(adapter) : adapter
    config.adapter = original
    if (hasXhr() || !protects(bare.getUri(config))) return config
    const wrapped = through(original)
    ours.set(wrapped, original)
    config.adapter = wrapped
    return config
  })
  return () => instance.interceptors.request.eject(id)
}
