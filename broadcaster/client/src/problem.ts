import { plain } from './plain'
import { parseObject } from './shape'

/** What a refusing answer says of itself. */
export interface Problem {
  /** Machine-readable reason of a JSON body: one short word; '' without one. */
  readonly code: string
  /** `error` of the `WWW-Authenticate: Bearer` challenge (RFC 6750 section 3); '' without one. */
  readonly error: string
  /** How long to wait, at most an hour, from the body or `Retry-After`; null when nobody says. */
  readonly retryAfterMs: number | null
  /** The server's text for people, no token in it; '' without one. Never to be shown as markup. */
  readonly message: string
}

/** Longest body that is looked into, in bytes: what explains an error is shorter. */
const longest = 16_384

/** The `error` parameter within the first KiB of a challenge, quoted or not; '' when there is none. */
export function challengeError(header: string | null): string {
  for (const [, name, quoted, plain] of (header ?? '').slice(0, 1024).matchAll(/(\w+)=(?:"([^"]*)"|([\w-]+))/g)) {
    if (name === 'error') return quoted ?? plain ?? ''
  }
  return ''
}

/** Whether a body of this type is looked into: JSON and plain text, no stream of either. */
export const legible = (type: string | null): boolean => /^(application\/([\w.-]+\+)?json|text\/plain)\b/i.test(type ?? '')

/** A short legible body, read from a copy; '' for any other. What has not come by the end of signal is not waited for. */
async function peek(response: Response, signal?: AbortSignal): Promise<string> {
  const { headers } = response
  if (!legible(headers.get('content-type'))) return ''
  if (+headers.get('content-length')! > longest) return ''
  const reader = response.clone().body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  // Not awaited: a copy is only let go of once the original is.
  const stop = (): unknown => reader?.cancel().catch(() => {})
  signal?.addEventListener('abort', stop)
  try {
    for (let bytes = 0; reader; ) {
      const { done, value } = await reader.read()
      if (done) break
      bytes += value.length
      if (bytes > longest) {
        stop()
        return ''
      }
      text += decoder.decode(value, { stream: true })
    }
  } catch {
    // A body that breaks off says nothing; the status stands.
    return ''
  }
  return text
}

/**
 * Reads what an answer says of an error, without consuming it: whoever gets the response can still read its body.
 * Of an answer that says it went well only an `error` in its body is one, as JSON-RPC, GraphQL and tool calls have it.
 */
export async function readProblem(response: Response, signal?: AbortSignal): Promise<Problem> {
  const { headers } = response
  const text = await peek(response, signal)
  const body = parseObject(text) as any
  // Seconds only (RFC 9110 section 10.2.3): a date would need a right clock.
  const ms = body?.retryAfterMs ?? parseFloat(headers.get('retry-after') ?? '') * 1000
  const { error, errors, result } = body ?? {}
  const told = [
    ...(response.ok ? [] : [body?.detail, body?.error_description, body?.message]),
    error?.message, error, errors?.[0]?.message, result?.isError && result.content?.[0]?.text,
    /^text/.test(headers.get('content-type')!) && text,
  ]
  return {
    code: /^[\w.-]{1,64}$/.exec(body?.code ?? '')?.[0] ?? '',
    error: challengeError(headers.get('www-authenticate')),
    retryAfterMs: ms >= 0 ? Math.min(ms, 3_600_000) : null,
    message: plain(told.find((one) => typeof one === 'string')),
  }
}
