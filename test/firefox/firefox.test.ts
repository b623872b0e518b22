import type { Browser } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Daemon, until } from '../browser/daemon.js'
import { Front } from '../browser/front.js'
import { firefox, Tab } from './firefox.js'

// The promises once more, in the other engine that Debian has.

const daemon = new Daemon()
let front: Front
let browser: Browser
let tabs: Tab[]

beforeAll(async () => {
  await daemon.start()
  browser = await firefox()
})
afterAll(async () => {
  await browser?.close()
  await daemon.remove()
})
beforeEach(async () => {
  front = await new Front(daemon.url).start()
  tabs = []
})
afterEach(async () => {
  await Promise.all(tabs.map((tab) => tab.page.close()))
  await front.close()
})

/** Opens tabs of the demo page that make no calls by themselves, and signs in by the first. */
async function open(count: number, stream: Front['stream'] = 'socket'): Promise<Tab[]> {
  front.stream = stream
  for (let i = 0; i < count; i++) tabs.push(await Tab.open(browser, `${front.url}/?auto=off`))
  await tabs[0]!.signIn('alice', 'user')
  for (const tab of tabs) {
    await tab.shows('every tab is signed in and connected', ({ token, socket, key }) => !!token && (stream === 'none' || (socket === 'open' && !!key)))
    tab.restart()
  }
  return tabs
}

/** The first tab of those that open has opened. */
const first = ([tab]: Tab[]): Tab => tab!

async function rotate(...flags: string[]): Promise<void> {
  const { code, out } = await daemon.run('rotate', 'demo', ...flags)
  expect(code, out).toBe(0)
}

test('four tabs move to the new key by one refresh, and no request fails', async () => {
  const all = await open(4)
  const before = await first(all).status()
  await rotate()
  for (const tab of all) await tab.shows('the tab moved', ({ token, key }) => !!token && token.key === key && key !== before.key)
  expect(all.map(({ refused, errors }) => [refused, errors])).toEqual(all.map(() => [[], []]))
  expect(all.reduce((sum, { refreshes }) => sum + refreshes, 0)).toBe(1)
})

test('with the socket blocked the next call recovers: one refresh, one replay', async () => {
  const tab = first(await open(1, 'none'))
  await rotate('--compromise')
  expect(await tab.call('/api/hello')).toBe(200)
  await until(() => tab.refreshes > 0 && tab.refused.length > 0, 'the browser has told of both')
  expect([tab.refreshes, tab.refused, tab.errors]).toEqual([1, ['401 /api/hello'], []])
})

test('behind a proxy that knows no WebSocket, a tab that listens to events moves ahead of any failure', async () => {
  const tab = first(await open(1, 'events'))
  const before = await tab.status()
  await rotate()
  await tab.shows('the tab moved', ({ token, key }) => !!token && token.key === key && key !== before.key)
  expect(await tab.call('/api/hello')).toBe(200)
  expect([tab.refreshes, tab.refused, tab.errors]).toEqual([1, [], []])
})

test('a leaked key is dropped, and no tab loses a call', async () => {
  const all = await open(2)
  const before = await first(all).status()
  await rotate('--compromise')
  const got = await Promise.all(all.map((tab) => tab.call('/api/hello')))
  expect(got).toEqual([200, 200])
  for (const tab of all) await tab.shows('the tab moved', ({ token, key }) => !!token && token.key === key && key !== before.key)
})

test('a page that is left and come back to is on the newest key before it calls', async () => {
  const tab = first(await open(1))
  const before = await tab.status()
  await tab.page.goto(`${front.url}/icon.svg`)
  await rotate()
  await tab.page.goBack()
  await tab.shows('the page moved', ({ token, key }) => !!token && token.key === key && key !== before.key)
  tab.restart()
  expect(await tab.call('/api/hello')).toBe(200)
  expect([tab.refused, tab.refreshes, tab.errors]).toEqual([[], 0, []])
})

test('who signs out in one tab is out in the other', async () => {
  const [one, two] = await open(2) as [Tab, Tab]
  await one.signOut()
  await two.shows('the other tab has no token', ({ token }) => token === null)
  expect(await two.call('/api/hello')).toBe(401)
  expect([two.refreshes, two.errors]).toEqual([0, []])
})
