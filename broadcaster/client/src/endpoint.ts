import { readClaims, readToken } from './jwt'
import { readProblem } from './problem'
import { fit } from './shape'
import type { Answer } from './vault'

/** What asking for a token came to. */
export interface Outcome {
  readonly answer?: Answer
  /** Stable reason, when there is no answer. */
  readonly code?: string
  /** The session is over. */
  readonly ended?: boolean
  /** The server admits refreshes at a rate: no failure, ask again. */
  readonly busy?: boolean
  /** Asking again would not help. */
  readonly lasting?: boolean
  /** When to ask again, in ms, where told. */
  readonly retryAfterMs?: number | null
}

/** What an app's own refresh function may answer. */
export interface AppToken {
  readonly token: string
  /** Life left, in seconds. */
  readonly expiresIn?: number
  readonly key?: string
  readonly kid?: string
}

function outcome(token: unknown, expiresIn: unknown, body: unknown, says?: object): Outcome {
  const told = fit({ expiresIn: 'number?', key: 'text?', kid: 'text?', length: 'number?' }, { ...(body as object), expiresIn })
  if (!told || !(token ? readToken(token) : readClaims(says, told.kid))) return { code: 'unreadable_token' }
  const { key, kid, length } = told
  return { answer: { token: (token || '') as string, says, length, key, kid, ttlMs: told.expiresIn && told.expiresIn * 1000 } }
}

/** What a server that answered well has given: a token or, where it keeps tokens in a cookie, what the token says. */
export const granted = (body: any): Outcome => outcome(body.access_token, body.expires_in, body, body.claims)

/**
 * Asks the refresh endpoint. The session cookie alone authorises; hint, a token that is still good, only tells
 * the server that this caller can wait.
 */
export async function askEndpoint(
  send: typeof fetch, url: string, hint: string | null, signal: AbortSignal,
): Promise<Outcome> {
  const response = await send(url, {
    method: 'POST',
    credentials: 'include',
    cache: 'no-store',
    headers: hint ? { authorization: `Bearer ${hint}` } : {},
    signal,
  })
  const { status } = response
  if (response.ok) return granted(await response.json())
  const { code, retryAfterMs } = await readProblem(response)
  return {
    code: code || `status_${status}`, retryAfterMs,
    ended: status === 401, busy: status === 429, lasting: status < 500,
  }
}

/** Asks the app's own function for a token; null: nobody is signed in any more. */
export async function askApp(refresh: () => Promise<string | AppToken | null> | string | null): Promise<Outcome> {
  const given = await refresh()
  if (given === null) return { code: 'session_missing', ended: true }
  return typeof given === 'string' ? outcome(given, null, {}) : outcome(given?.token, given?.expiresIn, given)
}
