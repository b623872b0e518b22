import { readFileSync } from 'node:fs'
import { describe, expect, test, vi } from 'vitest'
import type { AnalyticsReport } from '../src/analytics'
import { beaconTo } from '../src/analytics'
import { installCompat } from '../src/compat'
import type { Options } from '../src/keyturn'
import type { Exposure, Manager, ManagerOptions } from '../src/manager'
import { createManager, expose } from '../src/manager'
import { version } from '../src/version'
import { covers } from './covers'
import { problem } from './server'
import type { Tab } from './world'
import { World } from './world'

const second = { key: 'k2', kid: '2026-11-b' }

interface Page {
  world: World
  tab: Tab
  manager: Manager
}

/** A page with its console's object, signed in unless said otherwise. */
async function page(options: Options = {}, more: ManagerOptions = { check: false }, world = new World(), signedIn = true): Promise<Page> {
  const browser = world.browser()
  if (!signedIn) browser.cookie = null
  const tab = browser.open(options)
  const manager = createManager(tab.keyturn, more)
  await world.run(1_000)
  return { world, tab, manager }
}

/** What work came to, after time enough for it. */
async function after<T>(world: World, work: Promise<T>, ms = 30_000): Promise<T> {
  const settled = work.catch(() => {})
  await world.run(ms)
  await settled
  return work
}

describe('the console', () => {
  test('has one object under two names, frozen, which nobody can replace', async () => {
    covers('API-08', 'API-17')
    const { manager, tab } = await page()
    const scope: any = {}
    expose(manager, 'full', scope)
    expect(scope.__dynamicAuthManager).toBe(manager)
    expect(scope.keyturn).toBe(manager)
    expect(Object.isFrozen(manager) && Object.isFrozen(manager.jwtValidator)).toBe(true)
    expect(() => (scope.keyturn = {})).toThrow(TypeError)
    expect(manager.isInitialized).toBe(true)
    for (const name of Object.keys(tab.keyturn)) expect(manager).toHaveProperty(name)
  })

  test.each<[Exposure, boolean, boolean]>([['full', true, true], ['readonly', true, false], ['off', false, false]])(
    'shown as %s: statistics %s, tokens %s; the client works all the same', async (exposure, statistics, tokens) => {
      covers('API-17')
      const { world, tab, manager } = await page()
      const scope: any = {}
      expose(manager, exposure, scope)
      const shown = scope.__dynamicAuthManager
      expect([!!shown?.getJWTValidationStats, !!shown?.checkConfiguration]).toEqual([statistics, statistics])
      expect(['getCurrentToken', 'getToken', 'updateConfig', 'configure', 'refreshToken', 'clearCache', 'fetch'].map((name) => !!shown?.[name]))
        .toEqual(Array(7).fill(tokens))
      expect(JSON.stringify([shown?.getDebugInfo(), shown?.getTokenInfo()])).not.toContain(await manager.getToken())
      expect((await after(world, tab.api())).status).toBe(200)
    })

  test('says that it begins and that it stands', async () => {
    covers('LOG-19')
    const { tab } = await page()
    const lines = tab.lines.filter((line) => line.includes('nitializ'))
    expect(lines).toEqual(['🔄 🚀 Initializing DynamicAuthManager...', '🔄 ✅ DynamicAuthManager initialized successfully'])
  })

  test('refuses what is no client', () => {
    expect(() => createManager({} as never)).toThrow('this is no client')
  })

  test('has the version of the package', () => {
    covers('DOC-05')
    const { version: written } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
    expect(version).toBe(written)
  })

  test('holds no token and no key, however its properties are walked', async () => {
    covers('API-16', 'SEC-05')
    const { world, tab, manager } = await page()
    const token = (await manager.getCurrentToken())!
    const seen = new Set<unknown>()
    const found: string[] = []
    const walk = (value: unknown, path: string): void => {
      if (typeof value === 'string' && (value.includes(token) || value.includes(token.split('.')[2]!))) found.push(path)
      if (value === null || !/object|function/.test(typeof value) || seen.has(value)) return
      seen.add(value)
      for (const name of Reflect.ownKeys(value as object)) {
        const { value: inner, get } = Object.getOwnPropertyDescriptor(value, name)!
        walk(get ? get.call(value) : inner, `${path}.${String(name)}`)
      }
    }
    walk(manager, 'manager')
    walk([manager.getDebugInfo(), manager.getConfig(), manager.getJWTValidationStats(), manager.status(), manager.getTokenInfo()], 'told')
    walk(await after(world, manager.checkConfiguration()), 'check')
    expect(seen.size).toBeGreaterThan(30)
    expect(found).toEqual([])
    expect(tab.lines.join()).not.toContain(token.slice(0, 20))
  })
})

describe('getCurrentToken', () => {
  test('gives the token in use again and again without asking anybody', async () => {
    covers('API-01', 'REF-12')
    const { world, tab, manager } = await page()
    const tokens = new Set<string | null>()
    for (let i = 0; i < 100; i++) tokens.add(await manager.getCurrentToken())
    expect([tokens.size, tab.refreshes, typeof [...tokens][0]]).toEqual([1, 1, 'string'])
    await world.run(0)
  })

  test('gives null when nobody is signed in, and says once why that may be', async () => {
    covers('API-01')
    const { tab, manager } = await page({}, { check: false }, new World(), false)
    expect([await manager.getCurrentToken(), (await manager.getCurrentToken())?.length]).toEqual([null, undefined])
    expect(tab.said('No JWT in the memory of this page')).toBe(1)
  })

  test.each([[59, 2], [61, 1]])('with %i seconds left: %i refreshes in all', async (left, refreshes) => {
    covers('DET-06', 'API-03')
    const { world, tab, manager } = await page({ streamUrl: null, settings: { getToken: null } })
    // The plan would be earlier; it waits for the page to be seen.
    tab.hidden = true
    await world.run(900_000 - 1_000 - left * 1000 + 30)
    expect(tab.refreshes).toBe(1)
    const check = await after(world, manager.ensureValidToken(), 500)
    expect([check.valid, tab.refreshes]).toEqual([true, refreshes])
  })

  test.each([[10_000, 30, 1], [10_000, 9, 2], [600_000, 440, 2]])('with a threshold of %i ms and %i seconds left: %i refreshes', async (refreshThreshold, left, refreshes) => {
    covers('CFG-04', 'DET-06')
    const { world, tab, manager } = await page({ streamUrl: null, settings: { refreshThreshold } })
    tab.hidden = true
    await world.run(900_000 - 1_000 - left * 1000 + 30)
    await after(world, manager.getCurrentToken(), 500)
    expect(tab.refreshes).toBe(refreshes)
  })

  test('keeps a token whose life nobody told for cacheTimeout', async () => {
    covers('CFG-04')
    const { world, manager } = await page({ streamUrl: null })
    let asked = 0
    manager.configure({
      cacheTimeout: 100_000,
      refresh: async () => {
        asked++
        return `${Buffer.from('{}').toString('base64url')}.${Buffer.from(JSON.stringify({ sub: 'alice', n: asked })).toString('base64url')}.c2ln`
      },
    })
    await after(world, manager.refreshToken(), 100)
    await after(world, manager.getCurrentToken(), 40_000)
    expect(asked).toBe(1)
    await world.run(70_000)
    await after(world, manager.getCurrentToken(), 100)
    expect(asked).toBe(2)
  })
})

describe('ensureValidToken', () => {
  test('says how long the token is good for', async () => {
    covers('API-03', 'DET-06')
    const { manager } = await page()
    expect(await manager.ensureValidToken()).toEqual({ valid: true, token: await manager.getToken(), expiresIn: 899 })
  })

  test('after the key was turned: a token under the new one', async () => {
    covers('API-03', 'REF-01')
    const { world, manager } = await page()
    world.server.turn(second)
    await world.run(100)
    expect(await after(world, manager.ensureValidToken(), 500)).toMatchObject({ valid: true })
    expect(manager.getTokenInfo()).toMatchObject({ kid: '2026-11-b' })
  })

  test('says why there is none, and never rejects', async () => {
    covers('API-03')
    const { manager } = await page({}, { check: false }, new World(), false)
    expect(await manager.ensureValidToken()).toEqual({ valid: false, token: null, expiresIn: null, error: 'nobody is signed in' })
    const down = await page()
    down.world.server.refreshScript = () => new Response('', { status: 500 })
    down.tab.hidden = true
    await down.world.run(900_000)
    expect(await after(down.world, down.manager.ensureValidToken())).toMatchObject({ valid: false, error: expect.stringContaining('status_500') })
    const broken = await page({ settings: { getToken: () => Promise.reject(new Error('app <b>broken</b>')) } })
    expect(await broken.manager.ensureValidToken()).toMatchObject({ valid: false, error: 'app <b>broken</b>' })
  })
})

describe('clearCache', () => {
  test('drops the token, not the user: the next use fetches a new one', async () => {
    covers('API-04', 'LOG-18')
    const { world, tab, manager } = await page()
    tab.session.setItem('draft', 'x')
    const ended: unknown[] = []
    manager.on('sessionended', (news) => ended.push(news))
    const before = await manager.getCurrentToken()
    expect(manager.clearCache()).toBeInstanceOf(Promise)
    expect([manager.getDebugInfo().hasToken, tab.said('🧹 DynamicAuthManager: Clearing all caches...'), tab.said('✅ DynamicAuthManager: All caches cleared')])
      .toEqual([false, 1, 1])
    const fresh = await after(world, manager.getCurrentToken(), 2_000)
    expect([fresh === before, tab.refreshes, tab.session.getItem('draft'), ended]).toEqual([false, 2, 'x', []])
    expect(manager.status().socket).toBe('open')
  })

  test('does not take the dropped token back from another tab', async () => {
    covers('API-04')
    const { world, tab, manager } = await page()
    tab.browser.open()
    await world.run(1_000)
    const before = await manager.getCurrentToken()
    await manager.clearCache()
    expect(await after(world, manager.refreshToken(), 1_000)).not.toBe(before)
    expect(world.server.issued).toBe(2)
  })

  test('with tokens of the app\'s own: its token is taken again', async () => {
    covers('API-04', 'API-15')
    const { world, manager } = await page({ manual: true })
    const token = world.server.token('alice')
    manager.setTokenGetter(() => token)
    await world.run(100)
    await manager.clearCache()
    expect(await after(world, manager.getCurrentToken(), 100)).toBe(token)
  })

  test('holds back what waits for another user, who signed in meanwhile', async () => {
    covers('EDGE-17')
    const { world, tab, manager } = await page()
    world.server.latencyMs = 2_000
    world.server.turn(second, { keep: false, silent: true })
    const call = tab.api('/pay', { method: 'POST', body: 'alice pays' })
    await world.run(1_500)
    await manager.clearCache()
    tab.browser.cookie = 'bob'
    await world.run(20_000)
    expect((await call).status).toBe(401)
    expect(world.server.seen.filter((s) => s.sub === 'bob')).toEqual([])
  })
})

describe('refreshToken', () => {
  test('gives a new token under the current key, and rejects when there is none to be had', async () => {
    covers('API-05', 'REF-01', 'REF-02')
    const { world, manager } = await page()
    const before = await manager.getCurrentToken()
    world.server.roles = ['user', 'analyst']
    world.server.turn(second, { silent: true })
    const fresh = await after(world, manager.refreshToken(), 500)
    expect(fresh).not.toBe(before)
    expect(manager.decodeToken()).toMatchObject({ header: { kid: '2026-11-b' }, payload: { roles: ['user', 'analyst'] } })
    world.server.refreshScript = () => new Response('', { status: 500 })
    await expect(after(world, manager.refreshToken())).rejects.toMatchObject({ code: 'refresh_failed' })
  })

  test('goes clear, ask, check, answer', async () => {
    covers('REF-03', 'LOG-16')
    const { world, tab, manager } = await page()
    tab.lines.length = 0
    await manager.clearCache()
    await after(world, manager.refreshToken(), 500)
    const order = ['Clearing all caches', 'All caches cleared', 'Refreshing token...', 'Token expires in', 'Token refreshed successfully']
    const at = order.map((part) => tab.lines.findIndex((line) => line.includes(part)))
    expect(at).toEqual([...at].sort((a, b) => a - b))
    expect(at[0]).toBeGreaterThanOrEqual(0)
    world.server.refreshScript = () => Response.json({ access_token: 'not.a.token', expires_in: 900 })
    await expect(after(world, manager.refreshToken())).rejects.toMatchObject({ code: 'refresh_failed' })
  })
})

describe('automatic refresh switched off', () => {
  const off = async (): Promise<Page> => {
    const p = await page()
    p.manager.updateConfig({ autoRefreshOnError: false })
    return p
  }

  test('is the exception: on by default', async () => {
    covers('CFG-01')
    const { manager } = await page()
    expect([manager.getConfig().autoRefreshOnError, manager.getJWTValidationStats().autoRefreshEnabled]).toEqual([true, true])
  })

  test('says so, warns, and refreshes for no failure, but shows it', async () => {
    covers('API-06', 'CFG-02', 'LOG-17')
    const { world, tab, manager } = await off()
    expect([manager.getConfig().autoRefreshOnError, manager.getJWTValidationStats().autoRefreshEnabled]).toEqual([false, false])
    expect([tab.said('🔧 DynamicAuthManager: Config updated:'), tab.said("You'll need to manually refresh the page when JWT secrets change!")]).toEqual([1, 1])
    const phases: string[] = []
    manager.on('episode', ({ phase }) => phases.push(phase))
    world.server.turn(second, { keep: false })
    expect((await after(world, tab.api())).status).toBe(401)
    await world.run(500_000)
    expect(tab.refreshes).toBe(1)
    expect(phases).toEqual(['open', 'failed'])
    expect(manager.getJWTValidationStats().blocked).toMatchObject({ off: 1 })
  })

  test('leaves the wish: refreshToken, and what the token\'s end asks for', async () => {
    covers('REF-07', 'CFG-02')
    const { world, tab, manager } = await off()
    world.server.turn(second, { keep: false, silent: true })
    await after(world, manager.refreshToken(), 500)
    expect([tab.refreshes, manager.getTokenInfo()?.kid]).toEqual([2, '2026-11-b'])
    await world.run(900_000)
    expect(tab.refreshes).toBeGreaterThan(2)
  })

  test('is switched on again while the page lives: the next failure is recovered, and what was due is done', async () => {
    covers('CFG-03')
    const { world, tab, manager } = await off()
    world.server.turn(second)
    await world.run(300_000)
    expect(tab.refreshes).toBe(1)
    manager.jwtValidator.setAutoRefresh(true)
    await world.run(1_000)
    expect([tab.refreshes, manager.getTokenInfo()?.kid]).toEqual([2, '2026-11-b'])
    world.server.turn({ key: 'k3', kid: 'k3' }, { keep: false, silent: true })
    expect((await after(world, tab.api())).status).toBe(200)
  })

  test('is forgotten by a reload: the page begins as it was delivered', async () => {
    covers('CFG-03')
    const { world, tab, manager } = await off()
    expect(manager.getConfig().autoRefreshOnError).toBe(false)
    const again = createManager(tab.browser.open().keyturn, { check: false })
    await world.run(100)
    expect(again.getConfig().autoRefreshOnError).toBe(true)
    const delivered = createManager(tab.browser.open({ settings: { autoRefreshOnError: false } }).keyturn, { check: false })
    expect(delivered.getConfig().autoRefreshOnError).toBe(false)
  })

  test('also holds for what the app reports', async () => {
    covers('API-09', 'CFG-02')
    const { world, manager } = await off()
    expect(await after(world, manager.handleJWTValidationError(new Error('JWT verification failed')), 500))
      .toMatchObject({ success: false, retry: false, error: expect.stringContaining('autoRefreshOnError') })
  })
})

describe('updateConfig', () => {
  test('takes checked settings for this page, and gives copies', async () => {
    covers('API-06', 'API-07', 'API-10')
    const { manager } = await page()
    manager.updateConfig({ maxRetries: 5, contact: { text: 'Help', url: 'mailto:help@example.com' } })
    const config = manager.getConfig() as any
    config.maxRetries = 9
    config.contact.text = 'x'
    expect(manager.getConfig()).toMatchObject({ maxRetries: 5, contact: { text: 'Help' }, getToken: false, refresh: false, analytics: false })
    expect(manager.getJWTValidationStats().maxRetries).toBe(5)
    manager.jwtValidator.maxRetries = 4
    expect([manager.jwtValidator.maxRetries, manager.getJWTValidationStats().maxRetries]).toEqual([4, 4])
  })

  test('refuses endpoints, unknown names and what the server has locked, and changes nothing then', async () => {
    covers('API-06', 'SEC-05')
    const { world, manager } = await page()
    expect(() => manager.updateConfig({ maxRetries: 7, refreshUrl: 'https://evil.example' } as object)).toThrow('refreshUrl is fixed')
    expect(() => manager.updateConfig({ autorefreshOnErrors: false } as object)).toThrow('did you mean autoRefreshOnError?')
    world.server.config.locked = ['autoRefreshOnError']
    await after(world, manager.checkConfiguration(), 500)
    expect(() => manager.updateConfig({ maxRetries: 7, autoRefreshOnError: false })).toThrow("autoRefreshOnError is locked by the server's policy")
    expect(manager.getConfig()).toMatchObject({ maxRetries: 3, autoRefreshOnError: true })
  })
})

describe('an error that the app found by itself', () => {
  test('is answered by a refresh; the app may send its request again', async () => {
    covers('API-09', 'STAT-01')
    const { world, tab, manager } = await page()
    const before = await manager.getToken()
    const recovery = await after(world, manager.handleJWTValidationError(new Error('JWT verification failed')), 500)
    expect(recovery).toMatchObject({ success: true, retry: true })
    expect([recovery.token === before, tab.refreshes]).toEqual([false, 2])
    expect(manager.getJWTValidationStats()).toMatchObject({ validationFailureCount: 1, lastValidationError: { status: 401, message: 'JWT verification failed' } })
  })

  test('has the budget of all failures, and never rejects', async () => {
    covers('API-09', 'LOOP-07')
    const { world, tab, manager } = await page()
    const results: boolean[] = []
    for (let i = 0; i < 5; i++) results.push((await after(world, manager.handleJWTValidationError('signature verification failed'), 500)).success)
    expect([results, tab.refreshes]).toEqual([[true, true, true, false, false], 4])
  })
})

describe('statistics', () => {
  test('start at nothing', async () => {
    covers('API-02', 'STAT-01', 'STAT-02')
    const { manager } = await page()
    expect(manager.getJWTValidationStats()).toEqual({
      validationFailureCount: 0, lastValidationError: null, autoRefreshEnabled: true, maxRetries: 3,
      refreshes: { attempted: 1, succeeded: 1, failed: 0, adopted: 0, byTrigger: { start: { attempted: 1, succeeded: 1, failed: 0 } } },
      blocked: {}, refusedRequests: 0, retries: 0, notificationsShown: 0, hardRefreshes: 0,
    })
  })

  test('count refreshes by what set them off, the guards, the replays and the notices', async () => {
    covers('FUT-4', 'STAT-02', 'STAT-03')
    const { world, tab, manager } = await page()
    world.server.turn(second, { keep: false, silent: true })
    const calls = Promise.all([tab.api(), tab.api(), tab.api()])
    await after(world, calls, 1_000)
    await after(world, tab.api('/admin'), 2_000)
    await after(world, tab.api('/admin'), 2_000)
    world.server.refreshScript = () => new Response('', { status: 500 })
    await after(world, manager.refreshToken()).catch(() => {})
    manager.noticed()
    const stats = manager.getJWTValidationStats()
    expect(stats.refreshes.byTrigger).toEqual({
      start: { attempted: 1, succeeded: 1, failed: 0 }, 401: { attempted: 1, succeeded: 1, failed: 0 },
      403: { attempted: 1, succeeded: 1, failed: 0 }, manual: { attempted: 1, succeeded: 0, failed: 1 },
    })
    expect(stats.refreshes).toMatchObject({ attempted: 4, succeeded: 3, failed: 1 })
    expect(stats.blocked).toEqual({ attempted: 1, claims: 1 })
    expect(stats).toMatchObject({ validationFailureCount: expect.any(Number), retries: 4, notificationsShown: 1 })
    expect(stats.lastValidationError).toEqual({ time: expect.any(Number), status: null, message: expect.stringContaining('status_500') })
  })

  test('count the end of a session as a failure', async () => {
    covers('STAT-03')
    const { world, manager } = await page()
    world.server.refreshScript = () => problem(401, 'session_ended')
    await after(world, manager.refreshToken()).catch(() => {})
    expect(manager.getJWTValidationStats().refreshes.byTrigger.manual).toEqual({ attempted: 1, succeeded: 0, failed: 1 })
  })

  test('begin anew at resetStats, and the count of failures after a wish that succeeded', async () => {
    covers('STAT-06', 'API-10')
    const { world, tab, manager } = await page()
    world.server.turn(second, { keep: false, silent: true })
    await after(world, tab.api(), 1_000)
    expect(manager.getJWTValidationStats().validationFailureCount).toBe(1)
    await after(world, manager.refreshToken(), 1_000)
    expect(manager.getJWTValidationStats()).toMatchObject({ validationFailureCount: 0, retries: 1 })
    world.server.turn({ key: 'k3', kid: '2026-12-c' }, { keep: false, silent: true })
    await after(world, tab.api(), 1_000)
    expect(manager.getJWTValidationStats()).toMatchObject({ validationFailureCount: 1, lastValidationError: { status: 401 } })
    manager.jwtValidator.resetStats()
    expect(manager.getJWTValidationStats()).toMatchObject({ validationFailureCount: 0, retries: 0, lastValidationError: null, refreshes: { attempted: 0, byTrigger: {} } })
  })

  test('go to the app\'s sink as they happen, of listed fields only; a sink that throws harms nobody', async () => {
    covers('STAT-04')
    const reports: AnalyticsReport[] = []
    const { world, tab, manager } = await page({ settings: { analytics: (report) => reports.push(report) } })
    world.server.turn(second, { keep: false, silent: true })
    await after(world, tab.api(), 1_000)
    await after(world, tab.api('/admin'), 2_000)
    manager.noticed()
    expect(reports).toEqual(expect.arrayContaining([
      { what: 'refresh', trigger: '401', phase: 'done' }, { what: 'episode', phase: 'recovered' }, { what: 'episode', phase: 'denied' },
      { what: 'blocked', layer: 'attempted' }, { what: 'notice' },
    ]))
    const names = new Set(reports.flatMap((report) => Object.keys(report)))
    expect([...names].sort()).toEqual(['layer', 'phase', 'trigger', 'what'])
    expect(JSON.stringify(reports)).not.toMatch(/alice|ey[A-Z]|https|example|2026/)
    const reported = vi.fn()
    vi.stubGlobal('reportError', reported)
    manager.configure({ analytics: () => { throw new Error('of the app') } })
    expect(await after(world, manager.refreshToken(), 500)).toMatch(/\./)
    expect(reported).toHaveBeenCalled()
    vi.unstubAllGlobals()
  })

  test('go nowhere by default; a beacon is one function away', async () => {
    covers('STAT-04')
    const { manager } = await page()
    expect(manager.getConfig().analytics).toBe(false)
    const sendBeacon = vi.fn()
    vi.stubGlobal('navigator', { sendBeacon })
    beaconTo('/beacon')({ what: 'notice' })
    vi.unstubAllGlobals()
    expect(sendBeacon).toHaveBeenCalledExactlyOnceWith('/beacon', '{"what":"notice"}')
  })
})

describe('support', () => {
  test('gets a snapshot without a token', async () => {
    covers('API-11', 'DOC-05', 'LOG-22')
    const { world, manager } = await page()
    const token = (await manager.getToken())!
    const info = manager.getDebugInfo()
    expect(info).toMatchObject({
      version, isInitialized: true, hasToken: true, socket: 'open', kid: '2026-10-a', lastTrigger: 'start', rev: world.server.rev,
      token: { kid: '2026-10-a', length: token.length, iat: expect.any(Number), exp: expect.any(Number) }, config: { maxRetries: 3 },
      stats: { validationFailureCount: 0 },
    })
    expect(manager.getAuthStatus()).toEqual(info)
    expect(JSON.stringify(info)).not.toMatch(/alice|\.ey/)
  })

  test('reads tokens where they are: nothing is sent anywhere', async () => {
    covers('API-12', 'SEC-08')
    const { tab, manager } = await page()
    const calls = tab.calls.length
    expect(manager.decodeToken()).toMatchObject({ header: { alg: 'HS256', kid: '2026-10-a' }, payload: { sub: 'alice', roles: ['user'], iat: expect.any(Number), exp: expect.any(Number) } })
    expect(manager.getTokenStats()).toEqual(manager.decodeToken())
    expect(manager.decodeToken('a.b')).toBeNull()
    expect(manager.decodeToken(`${btoa('{"kid":"x"}')}.${btoa('{"sub":"y"}')}.z`)).toEqual({ header: { kid: 'x' }, payload: { sub: 'y' } })
    await manager.clearCache()
    expect([manager.decodeToken(), manager.getTokenInfo(), tab.calls.length]).toEqual([null, null, calls])
  })

  test('renews everything at once, or says why not', async () => {
    covers('API-13')
    const { world, manager } = await page()
    expect(await after(world, manager.refreshAll())).toEqual({ success: true })
    world.server.refreshScript = () => problem(401, 'session_missing')
    expect(await after(world, manager.refreshAll())).toEqual({ success: false, error: expect.stringContaining('sign in again') })
  })

  test('plugs in the app\'s own tokens, and out again', async () => {
    covers('API-15')
    const { world, tab, manager } = await page()
    const own = world.server.token('alice')
    await world.run(2_000)
    const later = world.server.token('alice')
    manager.setTokenGetter(async () => later)
    expect(await after(world, manager.getCurrentToken(), 100)).toBe(later)
    expect(own).not.toBe(later)
    expect((await after(world, tab.api(), 100)).status).toBe(200)
    manager.setTokenGetter(null)
    expect(manager.getConfig().getToken).toBe(false)
  })
})

describe('the older configuration object', () => {
  test('has the current kid and no secret, and says once where to look', async () => {
    covers('CFG-06', 'SEC-05')
    const { world, manager } = await page()
    const lines: string[] = []
    const scope: any = { console: { warn: (line: string) => lines.push(line) } }
    installCompat(manager, undefined, scope)
    const config = scope.QUILT_CATALOG_CONFIG
    expect([config.mcpEnhancedJwtSecret, config.mcpEnhancedJwtSecret?.length, config.mcpEnhancedJwtKid]).toEqual([undefined, undefined, '2026-10-a'])
    expect(lines).toEqual([expect.stringContaining('checkConfiguration()')])
    world.server.turn(second)
    await world.run(100)
    expect(config.mcpEnhancedJwtKid).toBe('2026-11-b')
  })

  test('goes by another name, and leaves what the app has put there', async () => {
    covers('CFG-06')
    const { manager } = await page()
    const scope: any = { console, APP: { region: 'eu', mcpEnhancedJwtSecret: 'left over' } }
    installCompat(manager, 'APP', scope)
    expect(scope).not.toHaveProperty('QUILT_CATALOG_CONFIG')
    expect(scope.APP).toMatchObject({ region: 'eu', mcpEnhancedJwtKid: '2026-10-a' })
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    expect(scope.APP.mcpEnhancedJwtSecret).toBeUndefined()
    warn.mockRestore()
  })

  test('is not there unless asked for', async () => {
    covers('CFG-06')
    await page()
    expect(globalThis).not.toHaveProperty('QUILT_CATALOG_CONFIG')
  })
})
