/** What a refusing answer says of itself. */
export interface Problem {
  /** Machine-readable reason of an `application/problem+json` body; '' without one. */
  readonly code: string
  /** `error` of the `WWW-Authenticate: Bearer` challenge (RFC 6750 section 3); '' without one. */
  readonly error: string
  /** How long to wait, from the body or `Retry-After`; null when nobody says. */
  readonly retryAfterMs: number | null
}

/** Longest wait that is believed: an hour. */
const longest = 3_600_000

const waitable = (ms: unknown): number | null =>
  typeof ms === 'number' && ms >= 0 ? Math.min(ms, longest) : null

/** The `error` parameter of a Bearer challenge; '' when there is none. */
export function bearerError(header: string | null): string {
  const bearer = /(?:^|,)\s*bearer\s+(.*)/is.exec(header ?? '')?.[1]
  return /(?:^|[\s,])error\s*=\s*"?([\w-]{1,64})/i.exec(bearer ?? '')?.[1] ?? ''
}

/** `Retry-After` in milliseconds (RFC 9110 section 10.2.3), seconds form only: a date needs a right clock. */
export function retryAfter(header: string | null): number | null {
  return /^\s*\d{1,9}\s*$/.test(header ?? '') ? waitable(Number(header) * 1000) : null
}

/** Reads a refusal without consuming the answer: whoever gets the response can still read its body. */
export async function readProblem(response: Response): Promise<Problem> {
  const { headers } = response
  let body: Record<string, unknown> | null = null
  if (headers.get('content-type')?.startsWith('application/problem+json')) {
    try {
      body = await response.clone().json()
    } catch {
      // A body that is no JSON says nothing; the status stands.
    }
  }
  return {
    code: typeof body?.code === 'string' ? body.code : '',
    error: bearerError(headers.get('www-authenticate')),
    retryAfterMs: waitable(body?.retryAfterMs) ?? retryAfter(headers.get('retry-after')),
  }
}
