import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { moved, serveApp, signInto, type Visit, visit } from './app.js'
import { setAppStage } from './appstage.js'
import { covers } from './covers.js'
import { until } from './daemon.js'
import { status } from './page.js'

const stage = setAppStage()

/** Types into the console of the developer tools: declarations last, await works at the top. */
async function type(page: Page, text: string): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const { exceptionDetails } = await session.send('Runtime.evaluate', { expression: text, replMode: true, awaitPromise: true })
  await session.detach()
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
}

async function app(tag = ''): Promise<Visit> {
  serveApp(stage.front, '/app', { tag })
  const v = await visit(await stage.context(), `${stage.front.url}/app`)
  await signInto(v.page, 'alice')
  v.traffic.lines.length = 0
  return v
}

// What the guide tells people to type, letter by letter.
const guide: { name: string, ids: string[], text: string, says: (RegExp | string)[] }[] = [
  {
    name: 'check the token', ids: ['API-01', 'T-O1'],
    text: `const token = await window.__dynamicAuthManager.getCurrentToken()
console.log('Token length:', token?.length)`,
    says: [/^Token length: \d{3,}$/],
  },
  {
    name: 'look at the statistics', ids: ['API-02', 'STAT-01'],
    text: `const stats = window.__dynamicAuthManager.getJWTValidationStats()
console.log('Validation errors:', stats.validationFailureCount)`,
    says: ['Validation errors: 0'],
  },
  {
    name: 'make sure that the token is valid', ids: ['API-03'],
    text: `const validation = await window.__dynamicAuthManager.ensureValidToken()
console.log('Token valid:', validation.valid)`,
    says: ['Token valid: true'],
  },
  {
    name: 'force a new token', ids: ['API-04', 'API-05', 'LOG-16'],
    text: `await window.__dynamicAuthManager.clearCache()
const newToken = await window.__dynamicAuthManager.refreshToken()
console.log('New token generated:', !!newToken)`,
    says: [/Clearing all caches\.\.\./, /All caches cleared/, /🔄 DynamicAuthManager: Refreshing token\.\.\./, /✅ DynamicAuthManager: Token refreshed successfully/, 'New token generated: true'],
  },
  {
    name: 'compare the configuration', ids: ['CFG-06'],
    text: `const config = window.QUILT_CATALOG_CONFIG
console.log('JWT Secret Length:', config.mcpEnhancedJwtSecret?.length)
console.log('JWT Key ID:', config.mcpEnhancedJwtKid)
console.log('Secret Matches:', config.mcpEnhancedJwtSecret === 'QuiltMCPJWTSecret2025ProductionV1')`,
    says: [/JWT secrets are not sent to browsers.*checkConfiguration/, 'JWT Secret Length: undefined', /^JWT Key ID: \S{4,}$/, 'Secret Matches: false'],
  },
  {
    name: 'switch automatic refreshes off', ids: ['API-06', 'CFG-01', 'LOG-17'],
    text: 'window.__dynamicAuthManager.updateConfig({ autoRefreshOnError: false })',
    says: [/🔧 DynamicAuthManager: Config updated:.*"autoRefreshOnError":false/],
  },
]

for (const { name, ids, text, says } of guide) {
  test(`the guide's words run as they are: ${name}`, async () => {
    covers(...ids)
    const { page, traffic } = await app('data-config')
    await type(page, text)
    await until(() => traffic.lines.some((l) => matches(l, says.at(-1)!)), 'the last line is printed')
    const at = says.map((s) => traffic.lines.findIndex((l) => matches(l, s)))
    expect(at, traffic.lines.join('\n')).toEqual([...at].sort((a, b) => a - b))
    expect(at).not.toContain(-1)
    expect(traffic.errors).toEqual([])
  })
}

const matches = (line: string, want: RegExp | string): boolean => (typeof want === 'string' ? line === want : want.test(line))

test("the guide's words run one after the other in one console", async () => {
  covers('T-O1')
  const { page, traffic } = await app('data-config')
  for (const { text } of guide) await type(page, text)
  expect(await page.evaluate(() => (window as any).__dynamicAuthManager.getConfig().autoRefreshOnError)).toBe(false)
  expect(await page.evaluate(() => (window as any).__dynamicAuthManager.getJWTValidationStats().autoRefreshEnabled)).toBe(false)
  expect(traffic.lines.filter((l) => l.includes('not sent to browsers'))).toHaveLength(1)
  expect(traffic.errors).toEqual([])
})

test('the check prints its five lines, and again after a rotation, as things are then', async () => {
  covers('API-14', 'CFG-05', 'CFG-08')
  const { page, traffic } = await app()
  const check = async (): Promise<string[]> => {
    traffic.lines.length = 0
    await type(page, 'await window.__dynamicAuthManager.checkConfiguration()')
    await until(() => traffic.lines.some((l) => l.includes('Endpoint configured')), 'the check is printed')
    return traffic.lines.map((l) => l.replace('🔄 ', '')).filter((l) => /^(JWT Secret Length|JWT Key ID|Token kid|Secret Matches|Endpoint configured):/.test(l))
  }
  const before = await status(page)
  const lines = (kid: string | null): string[] => [
    'JWT Secret Length: OK (>= 32 bytes)', `JWT Key ID: ${kid}`, `Token kid: ${kid} (current)`, 'Secret Matches: true', 'Endpoint configured: yes',
  ]
  // The server asks its verifiers every two seconds at most, whoever asks for it; one that is slow to answer does not agree.
  const tells = async (kid: string | null): Promise<void> => {
    let told: string[] = []
    await until(async () => (told = await check()).join() === lines(kid).join(), 'the check tells of this key', 30_000).catch(() => {})
    expect(told).toEqual(lines(kid))
  }
  await tells(before.kid)
  expect((await stage.daemon.run('rotate', 'demo', '--compromise')).code).toBe(0)
  await tells((await moved(page, before)).kid)
})

test('the check finds an endpoint that is wrong', async () => {
  covers('CFG-10', 'DOC-04', 'CFG-07')
  const { page, traffic } = await app()
  stage.front.on('/auth/config-status', (c) => { c.reply(404, { 'content-type': 'text/html' }, '<h1>Not here</h1>') })
  const report = await page.evaluate(() => (window as any).__dynamicAuthManager.checkConfiguration())
  expect(report.valid).toBe(false)
  expect(report.issues[0]).toMatchObject({
    severity: 'error', message: expect.stringMatching(/\/auth\/config-status answers 404/), fix: expect.stringContaining('data-refresh'), impact: expect.any(String),
  })
  expect(traffic.lines.filter((l) => l.includes('Endpoint configured: no'))).toHaveLength(1)
})

test('more is printed on demand only', async () => {
  covers('LOG-23')
  const { page, traffic } = await app()
  expect(traffic.lines.filter((l) => l.includes('JWT connection'))).toEqual([])
  await page.evaluate(() => { localStorage.debug = 'keyturn:*' })
  await page.reload()
  await until(() => traffic.lines.some((l) => l.includes('JWT connection')), 'the connection is told of')
})

test('a console that is read-only or off offers no token, and the page works all the same', async () => {
  covers('API-17')
  for (const exposure of ['readonly', 'off']) {
    serveApp(stage.front, '/app', { tag: `data-console="${exposure}"` })
    const { page } = await visit(await stage.context(), `${stage.front.url}/app`)
    const seen = await page.evaluate(() => Object.keys((window as any).__dynamicAuthManager ?? {}))
    for (const name of ['getToken', 'getCurrentToken', 'refreshToken', 'decodeToken', 'updateConfig', 'configure', 'fetch']) expect(seen).not.toContain(name)
    expect(seen.includes('getJWTValidationStats')).toBe(exposure === 'readonly')
    expect(await page.evaluate(async () => {
      await fetch('/auth/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"sub":"alice","roles":[]}' })
    })).toBe(undefined)
    await page.reload()
    await until(() => page.evaluate(async () => (await fetch('/api/hello')).status === 200), 'a bare call carries the token')
  }
})
