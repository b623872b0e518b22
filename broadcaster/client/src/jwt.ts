import { fmix32, fnv1a } from './hash'

/**
 * What the client reads out of a token. It is read for scheduling and for telling tokens apart only: nothing
 * here is verified, and nothing may be allowed because of it.
 */
export interface Claims {
  readonly kid: string | null
  readonly sub: string | null
  readonly iss: string | null
  /** Unix seconds, as written in the token. */
  readonly iat: number | null
  readonly exp: number | null
  /** Equal for tokens that grant the same subject the same under the same kid, however often reissued. */
  readonly digest: string
}

/** Longest token that is looked at; more does not fit a request header anyway. */
const maxToken = 16384

/** Claims that carry permissions, in the spellings that issuers use. */
const grants = ['roles', 'role', 'groups', 'permissions', 'scope', 'scp', 'authz_version']

function segment(text: string | undefined): Record<string, unknown> | null {
  if (!text) return null
  try {
    const bytes = Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

const text = (v: unknown): string | null => (typeof v === 'string' && v ? v : null)
const seconds = (v: unknown): number | null => (typeof v === 'number' && Number.isFinite(v) ? v : null)

/** Reads a compact JWS; null when it is none, or its header or payload is no JSON object. */
export function readToken(token: unknown): Claims | null {
  if (typeof token !== 'string' || token.length > maxToken) return null
  const parts = token.split('.')
  const header = segment(parts[0])
  const payload = segment(parts[1])
  if (parts.length !== 3 || !parts[2] || !header || !payload) return null
  const kid = text(header.kid)
  const sub = text(payload.sub)
  const granted = grants.map((name) => {
    const v = payload[name]
    const items = typeof v === 'string' ? v.split(' ') : [v].flat()
    return items.map(String).sort()
  })
  const told = JSON.stringify([sub, kid, granted])
  const digest = [0x811c9dc5, 0x2545f491].map((seed) => fmix32(fnv1a(told, seed)).toString(36)).join('-')
  return { kid, sub, iss: text(payload.iss), iat: seconds(payload.iat), exp: seconds(payload.exp), digest }
}
