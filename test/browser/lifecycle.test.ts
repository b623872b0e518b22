import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { serveApp } from './app.js'
import { Chromium, type Tab } from './cdp.js'
import { covers } from './covers.js'
import { Daemon, until } from './daemon.js'
import { Front } from './front.js'
import type { PageStatus } from './page.js'

// What a browser does to pages that nobody looks at, seen over the bare DevTools protocol.

let daemon: Daemon
let browser: Chromium
let front: Front
let tab: Tab

/** Notes how the page was shown, and lets a test move its clock. */
const instruments = `
  addEventListener('pageshow', (e) => { globalThis.shown = [...(globalThis.shown ?? []), e.persisted] })
  addEventListener('freeze', () => { globalThis.froze = true }, true)
  globalThis.shift = 0
  { const now = Date.now.bind(Date); Date.now = () => now() + globalThis.shift }`

beforeAll(async () => {
  daemon = await new Daemon().start('--beacon', '1s')
  browser = new Chromium()
})
afterAll(async () => {
  await browser.close()
  await daemon.remove()
})
beforeEach(async () => {
  front = await new Front(daemon.url).start()
  serveApp(front)
  front.file('/elsewhere', 'text/html', '<!doctype html><title>Elsewhere</title>')
  tab = await browser.open(`${front.url}/app`, instruments)
  await tab.evaluate(`fetch('/auth/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"sub":"alice","roles":["user"]}' })
    .then(() => keyturn.signedIn())`)
  await until(async () => (await status()).socket === 'open' && (await status()).rev !== null, 'the page is connected')
  await tab.evaluate("marker = 'same document'")
  tab.refused.length = 0
})
afterEach(async () => {
  await tab.send('Page.close')
  await front.close()
})

const status = (): Promise<PageStatus> => tab.evaluate('keyturn.status()')

async function leak(): Promise<void> {
  const turned = await daemon.run('rotate', 'demo', '--compromise')
  expect(turned, turned.out).toMatchObject({ code: 0 })
}

/** Waits until the page has moved by itself, and lets it make its first call. */
async function movedBeforeItsFirstCall(before: PageStatus): Promise<void> {
  await until(async () => {
    const now = await status()
    return now.token !== null && now.token.key === now.key && now.key !== before.key
  }, 'the page holds a token under the new key')
  expect(await tab.evaluate("keyturn.fetch('/api/hello').then((r) => r.status)")).toBe(200)
  expect(tab.refused).toEqual([])
  expect(await tab.evaluate('marker')).toBe('same document')
}

/** Freezes the tab, as a browser does with tabs that nobody sees; resolves with the way to thaw and show it. */
async function freeze(): Promise<() => Promise<void>> {
  const other = await browser.open(`${front.url}/elsewhere`)
  await until(async () => (await tab.evaluate('document.visibilityState')) === 'hidden', 'the tab is hidden')
  await tab.send('Page.setWebLifecycleState', { state: 'frozen' })
  await until(() => tab.evaluate<boolean>('globalThis.froze === true'), 'the tab is frozen')
  const refreshes = front.of('/auth/refresh').length
  return async () => {
    expect(front.of('/auth/refresh'), 'a frozen tab does nothing').toHaveLength(refreshes)
    await tab.send('Page.setWebLifecycleState', { state: 'active' })
    await tab.show()
    await other.send('Page.close')
  }
}

test('a page that comes back from the back-forward cache finds the rotation it missed', async () => {
  covers('DET-08', 'EDGE-12')
  const before = await status()
  await tab.go(`${front.url}/elsewhere`)
  await leak()
  await tab.evaluate('history.back()').catch(() => {}) // the page that was asked is gone
  // A page that comes from the cache, which still has its mark, is there before it is told that it is shown again.
  const there = "location.pathname === '/app' && (globalThis.shown ?? []).length > ('marker' in globalThis ? 1 : 0)"
  await until(async () => await tab.evaluate<boolean>(there).catch(() => false), 'the app is back')
  const why = await tab.evaluate<string>("JSON.stringify(performance.getEntriesByType('navigation')[0].notRestoredReasons)")
  expect(await tab.evaluate('shown'), `not restored because of ${why}`).toEqual([false, true])
  await movedBeforeItsFirstCall(before)
})

test('a frozen tab finds the rotation it missed when it thaws', async () => {
  covers('EDGE-12', 'DET-08')
  const before = await status()
  const thaw = await freeze()
  await leak()
  await thaw()
  await movedBeforeItsFirstCall(before)
})

test('a hidden tab has moved when it is looked at again', async () => {
  covers('EDGE-12')
  const before = await status()
  const other = await browser.open(`${front.url}/elsewhere`)
  await until(async () => (await tab.evaluate('document.visibilityState')) === 'hidden', 'the tab is hidden')
  await leak()
  await tab.show()
  await until(async () => (await tab.evaluate('document.visibilityState')) === 'visible', 'the tab is seen')
  await movedBeforeItsFirstCall(before)
  await other.send('Page.close')
})

test('offline is no authentication failure, and what was missed is found when the network is back', async () => {
  covers('DET-12', 'DET-08')
  const before = await status()
  const network = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 }
  const refreshes = front.of('/auth/refresh').length
  await tab.send('Network.emulateNetworkConditions', { offline: true, ...network })
  front.cut()
  expect(await tab.evaluate("keyturn.fetch('/api/hello').then((r) => r.status, (e) => e.name)")).toBe('TypeError')
  expect(await tab.evaluate('navigator.onLine')).toBe(false)
  expect(front.of('/auth/refresh')).toHaveLength(refreshes)
  expect((await status()).token?.key).toBe(before.token?.key)
  await leak()
  await tab.send('Network.emulateNetworkConditions', { offline: false, ...network })
  await movedBeforeItsFirstCall(before)
  expect(front.of('/auth/refresh')).toHaveLength(refreshes + 1)
})

test('a machine that wakes with a dead socket finds the rotation it slept through', async () => {
  covers('EDGE-12', 'DET-08')
  const before = await status()
  const thaw = await freeze()
  front.deafen()
  await leak()
  await tab.evaluate('globalThis.shift = 8 * 3600_000')
  await thaw()
  await movedBeforeItsFirstCall(before)
})
