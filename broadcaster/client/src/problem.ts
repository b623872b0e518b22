/** What a refusing answer says of itself. */
export interface Problem {
  /** Machine-readable reason of an `application/problem+json` body: one short word; '' without one. */
  readonly code: string
  /** `error` of the `WWW-Authenticate: Bearer` challenge (RFC 6750 section 3); '' without one. */
  readonly error: string
  /** How long to wait, at most an hour, from the body or `Retry-After`; null when nobody says. */
  readonly retryAfterMs: number | null
}

/** The `error` parameter within the first KiB of a challenge, quoted or not; '' when there is none. */
export function challengeError(header: string | null): string {
  for (const [, name, quoted, plain] of (header ?? '').slice(0, 1024).matchAll(/(\w+)=(?:"([^"]*)"|([\w-]+))/g)) {
    if (name === 'error') return quoted ?? plain ?? ''
  }
  return ''
}

/** Reads a refusal without consuming the answer: whoever gets the response can still read its body. */
export async function readProblem(response: Response): Promise<Problem> {
  const { headers } = response
  let body: any
  if (headers.get('content-type')?.startsWith('application/problem+json')) {
    // A body that is no JSON says nothing; the status stands.
    body = await response.clone().json().catch(() => null)
  }
  // Seconds only (RFC 9110 section 10.2.3): a date would need a right clock.
  const ms = body?.retryAfterMs ?? parseFloat(headers.get('retry-after') ?? '') * 1000
  return {
    code: /^[\w.-]{1,64}$/.exec(body?.code ?? '')?.[0] ?? '',
    error: challengeError(headers.get('www-authenticate')),
    retryAfterMs: ms >= 0 ? Math.min(ms, 3_600_000) : null,
  }
}
