import { fmix32, fnv1a } from './hash'
import { fit, parseObject } from './shape'

/**
 * What the client reads out of a token, for scheduling and for telling tokens apart only: nothing here is
 * verified, and nothing may be allowed because of it.
 */
export interface Claims {
  readonly kid: string | null
  readonly sub: string | null
  readonly iss: string | null
  /** Unix seconds, as written in the token. */
  readonly iat: number | null
  readonly exp: number | null
  /** All that the token says. */
  readonly payload: Readonly<Record<string, unknown>>
  /** Equal for tokens that grant the same subject the same under the same kid, however often reissued. */
  readonly digest: string
}

/** Claims that carry permissions, in the spellings that issuers use. */
const grants = ['roles', 'role', 'groups', 'permissions', 'scope', 'scp', 'authz_version']

/** One part of a token as the object that it is; null for anything else. */
export function segment(text = ''): Record<string, unknown> | null {
  try {
    const bytes = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    return parseObject(new TextDecoder().decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0))))
  } catch {
    return null
  }
}

/** Reads the payload of a token, as itself or its server tells it; null when it is none. */
export function readClaims(payload: any, kid: string | null): Claims | null {
  const claims = fit({ sub: 'text?', iss: 'text?', iat: 'number?', exp: 'number?' }, payload)
  if (!claims) return null
  const granted = grants.map((name) => String(payload[name]).split(/[ ,]/).sort())
  const told = JSON.stringify([claims.sub, kid, granted])
  return { kid, ...claims, payload, digest: `${fmix32(fnv1a(told))}-${fmix32(fnv1a(`.${told}`))}` }
}

/** Reads a compact JWS of at most 16 Ki characters; null when it is none, or a part of it is no JSON object. */
export function readToken(token: unknown): Claims | null {
  const parts = typeof token === 'string' && token.length <= 16384 ? token.split('.') : []
  const header = fit({ kid: 'text?' }, segment(parts[0]))
  return parts.length === 3 && parts[2] && header ? readClaims(segment(parts[1]), header.kid) : null
}
