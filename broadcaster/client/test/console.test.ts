import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { installCompat } from '../src/compat'
import { createManager, expose } from '../src/manager'
import { covers } from './covers'
import { problem } from './server'
import type { Tab } from './world'
import { World } from './world'

/** The commands of the user guide, letter by letter. The secret in it is public, hence nobody's. */
const commands = `
const token = await window.__dynamicAuthManager.getCurrentToken()
console.log('Token length:', token?.length)
const stats = window.__dynamicAuthManager.getJWTValidationStats()
console.log('Validation errors:', stats.validationFailureCount)
const validation = await window.__dynamicAuthManager.ensureValidToken()
console.log('Token valid:', validation.valid)
await window.__dynamicAuthManager.clearCache()
const newToken = await window.__dynamicAuthManager.refreshToken()
console.log('New token generated:', !!newToken)
const config = window.QUILT_CATALOG_CONFIG
console.log('JWT Secret Length:', config.mcpEnhancedJwtSecret?.length)
console.log('JWT Key ID:', config.mcpEnhancedJwtKid)
console.log('Secret Matches:', config.mcpEnhancedJwtSecret === 'QuiltMCPJWTSecret2025ProductionV1')
window.__dynamicAuthManager.updateConfig({ autoRefreshOnError: false })
`

const AsyncFunction = (async () => {}).constructor as new (...args: string[]) => (...args: unknown[]) => Promise<void>

/** A page's console, in which commands are run; said is what they print. */
async function open(world: World, script: string, commandsRun = true): Promise<{ tab: Tab; window: any; said: unknown[][] }> {
  const tab = world.browser().open()
  const said: unknown[][] = []
  const window: any = { console: { ...console, warn: (line: string) => tab.lines.push(line) } }
  expose(createManager(tab.keyturn), 'full', window)
  installCompat(tab.keyturn, undefined, window)
  await world.run(1_000)
  if (commandsRun) {
    const work = new AsyncFunction('window', 'console', script)(window, { log: (...args: unknown[]) => said.push(args) })
    await world.run(2_000)
    await work
  }
  return { tab, window, said }
}

test('every command of the guide runs as it is written, and gives an answer', async () => {
  covers('API-01', 'API-03', 'CFG-06')
  const world = new World()
  const { said, window, tab } = await open(world, commands)
  const length = (await window.keyturn.getToken()).length
  expect(said).toEqual([
    ['Token length:', length], ['Validation errors:', 0], ['Token valid:', true], ['New token generated:', true],
    ['JWT Secret Length:', undefined], ['JWT Key ID:', '2026-10-a'], ['Secret Matches:', false],
  ])
  expect(window.__dynamicAuthManager.getConfig().autoRefreshOnError).toBe(false)
  expect(tab.said('checkConfiguration()')).toBe(1)
})

test('the secret that the guide once printed is in no script', () => {
  covers('SEC-05', 'CFG-12')
  const files = ['../src/', '../dist/'].flatMap((folder) =>
    readdirSync(new URL(folder, import.meta.url), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath}/${entry.name}`))
  expect(files.length).toBeGreaterThan(40)
  expect(files.filter((file) => readFileSync(file, 'utf8').includes('QuiltMCPJWTSecret2025'))).toEqual([])
})

describe('refresh activity in the console', () => {
  test('is all found by filtering for 🔄 or JWT', async () => {
    covers('DOC-06', 'LOG-16')
    const world = new World()
    const { tab } = await open(world, '', false)
    world.server.turn({ key: 'k2', kid: 'b' })
    await world.run(200_000)
    world.server.turn({ key: 'k3', kid: 'c' }, { keep: false, silent: true })
    void tab.api()
    await world.run(2_000)
    world.server.refreshScript = () => problem(500, 'broken')
    void tab.keyturn.refresh().catch(() => {})
    await world.run(900_000)
    expect(tab.lines.length).toBeGreaterThan(15)
    expect(tab.lines.filter((line) => !/🔄|JWT/.test(line))).toEqual([])
  })

  test('tells of a token\'s end: when, what is planned, and that it happens', async () => {
    covers('LOG-20', 'DET-09')
    for (const [life, end, plan] of [[1_800, 1800, 1500], [180, 180, 90]] as const) {
      const world = new World()
      world.server.lifeMs = life * 1000
      const tab = world.browser().open({ streamUrl: null })
      await world.run(100)
      expect(tab.said(`[AuthContext] Token expires in ${end}s, scheduling refresh in ${plan}s`)).toBe(1)
      await world.run(plan * 1000 - 200)
      expect([tab.said('Refresh timer triggered'), tab.refreshes]).toEqual([0, 1])
      await world.run(400)
      expect([tab.said('[AuthContext] Refresh timer triggered'), tab.said('[AuthContext] Attempting silent token refresh'), tab.refreshes]).toEqual([1, 1, 2])
    }
  })
})

describe('a refresh that fails', () => {
  const hintOf = (tab: Tab): string | null => tab.session.getItem('tokenRefreshError')

  test('leaves a hint for the login page, which a success takes back', async () => {
    covers('REF-11', 'LOG-13')
    const world = new World()
    const tab = world.browser().open()
    await world.run(1_000)
    const failed: unknown[] = []
    tab.keyturn.on('failed', (news) => failed.push(news))
    world.server.refreshScript = () => problem(500, 'broken')
    world.server.turn({ key: 'k2', kid: 'b' }, { keep: false, silent: true })
    const call = tab.api()
    await world.run(20_000)
    expect((await call).status).toBe(401)
    expect(hintOf(tab)).toBe('Token refresh failed. Please try logging in again.')
    expect(tab.said('[fetchWithAuth] Error during refresh:')).toBe(1)
    expect(failed).toHaveLength(1)
    world.server.refreshScript = () => null
    void tab.keyturn.refresh()
    await world.run(1_000)
    expect(hintOf(tab)).toBeNull()
  })

  test('on a page that nobody was signed in to leaves none', async () => {
    covers('REF-11')
    const world = new World()
    const browser = world.browser()
    browser.cookie = null
    const tab = browser.open()
    await world.run(1_000)
    expect(hintOf(tab)).toBeNull()
  })

  test('where there is no storage says that the hint could not be kept, and goes on', async () => {
    covers('LOG-13', 'CTX-10', 'EDGE-14')
    const world = new World()
    const tab = world.browser({ storage: false }).open()
    await world.run(1_000)
    world.server.refreshScript = () => problem(500, 'broken')
    void tab.keyturn.refresh().catch(() => {})
    await world.run(20_000)
    expect(tab.said('[fetchWithAuth] Failed to record token refresh error hint:')).toBe(1)
    world.server.refreshScript = () => null
    const call = tab.api()
    await world.run(1_000)
    expect((await call).status).toBe(200)
  })
})

test('a logout takes the place to return to with it, and the marks of refused claims', async () => {
  covers('CTX-09', 'SEC-07')
  const world = new World()
  const tab = world.browser().open()
  await world.run(1_000)
  void tab.api('/admin')
  await world.run(2_000)
  for (const key of ['postLoginUrl', 'postRefreshUrl']) tab.session.setItem(key, '/ui/reports')
  expect(tab.session.getItem('keyturn:403:payments')).toMatch(/-/)
  void tab.keyturn.logout()
  await world.run(100)
  expect([...tab.session.items.keys()]).toEqual([])
})
