import type { Environment } from './environment'
import { readToken } from './jwt'
import { readProblem } from './problem'
import type { Answer } from './vault'

/** What asking for a token came to. */
export type Outcome =
  | { readonly kind: 'token'; readonly answer: Answer }
  /** The server admits refreshes at a rate; ask again then. No failure. */
  | { readonly kind: 'wait'; readonly ms: number | null }
  /** The session is over. */
  | { readonly kind: 'ended'; readonly code: string }
  | { readonly kind: 'failed'; readonly code: string; readonly lasting: boolean; readonly ms: number | null }

/** What an app's own refresh function may answer. */
export interface AppToken {
  readonly token: string
  /** Life left, in seconds. */
  readonly expiresIn?: number
  readonly key?: string
  readonly kid?: string
}

const failed = (code: string, lasting = false, ms: number | null = null): Outcome =>
  ({ kind: 'failed', code, lasting, ms })

const text = (v: unknown): string | null => (typeof v === 'string' && v ? v.slice(0, 512) : null)

function answerOf(token: unknown, expiresIn: unknown, key: unknown, kid: unknown): Outcome {
  if (!readToken(token)) return failed('unreadable_token')
  const ttlMs = typeof expiresIn === 'number' && expiresIn > 0 ? expiresIn * 1000 : null
  return { kind: 'token', answer: { token: token as string, key: text(key), kid: text(kid), ttlMs } }
}

/**
 * Asks the refresh endpoint. The session cookie alone authorises; hint, a token that is still good, only tells
 * the server that this caller can wait.
 */
export async function askEndpoint(
  env: Environment, url: string, hint: string | null, signal: AbortSignal,
): Promise<Outcome> {
  const response = await env.fetch(url, {
    method: 'POST',
    credentials: 'include',
    cache: 'no-store',
    headers: hint ? { authorization: `Bearer ${hint}` } : {},
    signal,
  })
  const { status } = response
  if (response.ok) {
    let body: Record<string, unknown> | null = null
    try {
      body = await response.json()
    } catch (error) {
      if (signal.aborted) throw error
    }
    return answerOf(body?.access_token, body?.expires_in, body?.key, body?.kid)
  }
  const { code, retryAfterMs } = await readProblem(response)
  if (status === 401) return { kind: 'ended', code: code || 'session_missing' }
  if (status === 429) return { kind: 'wait', ms: retryAfterMs }
  return failed(code || `status_${status}`, status < 500, retryAfterMs)
}

/** Asks the app's own function for a token. */
export async function askApp(refresh: () => Promise<string | AppToken>): Promise<Outcome> {
  const given = await refresh()
  return typeof given === 'string'
    ? answerOf(given, null, null, null)
    : answerOf(given?.token, given?.expiresIn, given?.key, given?.kid)
}
