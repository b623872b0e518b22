import type { Keyturn, Status } from './keyturn'
import type { Inside } from './inside'
import type { Settings } from './settings'
import type { Shaped } from './shape'
import { fit } from './shape'

/** One finding of the configuration check. */
export interface Finding {
  readonly severity: 'error' | 'warning' | 'info'
  readonly message: string
  /** What to do about it. */
  readonly fix: string
  /** What happens while it stays as it is. */
  readonly impact: string
}

/** What the configuration check found. No secret, no digest of one: booleans and names of keys. */
export interface ConfigurationReport {
  readonly valid: boolean
  readonly hasWarnings: boolean
  readonly issues: readonly Finding[]
  readonly warnings: readonly Finding[]
  readonly info: readonly Finding[]
  readonly summary: string
  /** The five lines that the console shows. */
  readonly lines: readonly string[]
}

/** What the server says of itself: the ring's kids, and whether signer and verifiers agree. */
const shape = {
  ring: 'text', kid: 'text', pending: ['text'], retiring: ['text'], strong: 'flag', match: 'flag',
  verifiers: { reporting: 'number', agreeing: 'number' }, locked: ['text'], version: 'text',
} as const

export type ConfigStatus = Shaped<typeof shape>

/** All that the check goes by. */
export interface Facts {
  /** Where the server was asked. */
  readonly url: string
  /** HTTP status of the answer; null when there was none. */
  readonly status: number | null
  /** The answer; null when it was none that can be read. */
  readonly answer: ConfigStatus | null
  /** kid of the token in use; null without a token, or where its header names none. */
  readonly tokenKid: string | null
  readonly socket: Status['socket']
  /** Address of the page, and the path below which the app is said to live. */
  readonly page: string
  readonly basePath: string
  /** How people are signed in again. */
  readonly signIn: Settings['signIn']
}

/** Judges the facts. Pure. */
export function judgeConfiguration({ url, status, answer, tokenKid, socket, page, basePath, signIn }: Facts): ConfigurationReport {
  const found: Finding[] = []
  const find = (bad: boolean, severity: Finding['severity'], message: string, fix: string, impact: string): unknown =>
    bad && found.push({ severity, message, fix, impact })
  const { origin, pathname } = new URL(page)
  const { kid, strong, match, retiring = [], pending = [], verifiers: { reporting, agreeing } = { reporting: 0, agreeing: 0 } } = answer ?? {}
  const place = kid && tokenKid === kid ? 'current' : tokenKid && retiring.includes(tokenKid) ? 'previous'
    : tokenKid && pending.includes(tokenKid) ? 'pending' : 'unknown'
  const stuck = 'a refused token cannot be refreshed'
  const refused = 'requests are refused'

  find(status === null, 'error', `the endpoint ${url} cannot be reached`, `check data-refresh, the network, and that the server's origins name ${origin}`, stuck)
  find(status === 401, 'warning', 'nobody is signed in', 'sign in, then check again', 'only who is signed in is told')
  find(status !== null && status !== 401 && !answer, 'error', `${url} answers ${status}, but not as keyturn does`,
    'check data-refresh and data-ring', stuck)
  if (answer) {
    find(!kid, 'error', 'no key is current', 'make one current (keyturn status)', 'no token can be signed')
    find(!match && !!reporting, 'error', `signer and verifiers do not hold the same JWT secret (${agreeing} of ${reporting} agree)`,
      'ask whoever runs the server (keyturn check)', refused)
    find(!reporting, 'warning', 'no verifier reports its keys', 'let the services report', 'another secret in one of them would not be seen')
    find(!strong, 'warning', 'the JWT secret is shorter than 32 bytes, or publicly known', 'turn the key (keyturn rotate)', 'whoever guesses it signs tokens')
    find(place === 'previous', 'info', 'the token has the previous key', 'none: it will be refreshed', 'none')
    find(place === 'unknown' && !!tokenKid, 'warning', `the token's kid ${tokenKid} is none of the ring's`, 'refreshToken()', refused)
  }
  find(socket === 'stopped', 'warning', 'the server has refused the live connection', 'check data-ring, and who is signed in',
    'turned keys are noticed only by a refused request')
  find(!pathname.startsWith(basePath), signIn === 'off' ? 'info' : 'warning', `this page is not below the base path ${basePath}`,
    `set basePath (data-base); the page ${origin}${basePath}callback takes the client in, and where the provider comes back to it, it is registered there as redirect URI`,
    'a sign-in may end with a redirect_uri mismatch, or on a page that is not there')

  const of = (severity: Finding['severity']): Finding[] => found.filter((f) => f.severity === severity)
  const [issues, warnings] = [of('error'), of('warning')]
  const said = (value: unknown): unknown => (answer ? value : 'unknown')
  return {
    valid: !issues.length, hasWarnings: !!warnings.length, issues, warnings, info: of('info'),
    summary: issues.length ? `❌ JWT configuration: ${issues.length} to be mended`
      : warnings.length ? `⚠️ JWT configuration works, ${warnings.length} to look at` : '✅ JWT configuration is valid and ready',
    lines: [
      `JWT Secret Length: ${said(strong ? 'OK (>= 32 bytes)' : 'too short (< 32 bytes), or known')}`,
      `JWT Key ID: ${said(kid || 'none')}`,
      `Token kid: ${tokenKid ?? 'none'} (${place})`,
      `Secret Matches: ${said(match)}`,
      `Endpoint configured: ${answer || status === 401 ? 'yes' : 'no'}`,
    ],
  }
}

/** Asks the server, judges, and prints: all of it, or with brief only what is found. */
export async function checkConfiguration(keyturn: Keyturn, { core, vault, send, refreshUrl, ring, settings, lock, log }: Inside, brief = false): Promise<ConfigurationReport> {
  const url = new URL('config-status', refreshUrl)
  if (ring) url.searchParams.set('ring', ring)
  const held = vault.held()
  let status: number | null = null
  let answer: ConfigStatus | null = null
  try {
    await core.within(10_000, new AbortController().signal, async (signal) => {
      const response = await send(url.href, {
        credentials: 'include', cache: 'no-store', signal,
        headers: held?.token ? { authorization: `Bearer ${held.token}` } : {},
      })
      status = response.status
      if (response.ok) answer = fit(shape, await response.json()) ?? null
    })
  } catch {
    // No answer, or no JSON: the status says which.
  }
  if (answer) lock((answer as ConfigStatus).locked)
  const report = judgeConfiguration({
    url: url.origin + url.pathname, status, answer, tokenKid: held?.kid ?? null, socket: keyturn.status().socket,
    page: core.scope.document.baseURI, basePath: settings().basePath, signIn: settings().signIn,
  })
  const { lines, issues, warnings, info, summary } = report
  if (!brief) lines.forEach(log)
  for (const { severity, message, fix, impact } of [...issues, ...warnings, ...(brief ? [] : info)]) {
    log(`JWT ${severity}: ${message}. Fix: ${fix}. Impact: ${impact}.`)
  }
  log(summary)
  return report
}
