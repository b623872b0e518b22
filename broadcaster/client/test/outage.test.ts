import { describe, expect, test } from 'vitest'
import type { Options } from '../src/keyturn'
import { covers } from './covers'
import { problem } from './server'
import type { Browser, Tab } from './world'
import { World } from './world'

// The refresh endpoint is down and the socket is blocked: nothing but the app's own calls tells of a rotation.

const second = { key: 'k2', kid: '2026-11-b' }
const down = (): Response => new Response('', { status: 503 })

/** A browser whose tabs hold a token under a key that has just been dropped. */
async function leaked(tabs: number, options: Options = {}): Promise<{ world: World; browser: Browser; tabs: Tab[]; asks: number[] }> {
  const world = new World()
  const browser = world.browser()
  const opened = Array.from({ length: tabs }, () => browser.open({ streamUrl: null, ...options }))
  await world.run(2_000)
  const asks: number[] = []
  world.server.turn(second, { keep: false, silent: true })
  world.server.refreshScript = () => (asks.push(world.now), down())
  return { world, browser, tabs: opened, asks }
}

/** Calls again as soon as the last call is answered, a tenth of a second apart; the statuses that came. */
function hammer(tab: Tab, path = '/reports'): { statuses: number[]; stop: () => void } {
  const statuses: number[] = []
  let on = true
  const go = async (): Promise<void> => {
    while (on) {
      statuses.push((await tab.api(path)).status)
      await new Promise<void>((resolve) => tab.world.after(100, resolve))
    }
  }
  void go()
  return { statuses, stop: () => (on = false) }
}

const most = (asks: readonly number[], withinMs: number): number =>
  Math.max(0, ...asks.map((from) => asks.filter((at) => at >= from && at < from + withinMs).length))

describe('an endpoint that is down', () => {
  test.each([10_000, 60_000, 600_000])('for %i ms is no loop: the first call after it recovers', async (ms) => {
    covers('LOOP-07', 'ACC-15')
    const { world, tabs: [tab] } = await leaked(1)
    const page = hammer(tab!)
    await world.run(ms)
    page.stop()
    expect(page.statuses.every((s) => s === 401)).toBe(true)
    await world.run(30_000)
    world.server.refreshScript = () => null
    const call = tab!.api()
    let status = 0
    void call.then((r) => (status = r.status))
    await world.run(10_000)
    expect(status).toBe(200)
    expect(tab!.said('three refreshes after failures')).toBe(0)
  })

  test.each<[string, () => Response | Promise<Response>]>([
    ['500', () => new Response('oops', { status: 500 })],
    ['no network', () => Promise.reject(new TypeError('Failed to fetch'))],
    ['a page of a proxy', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['nothing for ten seconds', () => new Promise<Response>(() => {})],
  ])('answering %s spends none of the budget', async (_, answer) => {
    covers('LOOP-07')
    const { world, browser, tabs: [tab] } = await leaked(1)
    world.server.refreshScript = answer
    const page = hammer(tab!)
    await world.run(120_000)
    page.stop()
    await world.run(60_000)
    expect(browser.local.items.get('keyturn:budget:payments') ?? '').toBe('')
    expect(tab!.keyturn.status().counters['401.failed']).toBeGreaterThan(2)
  })

  test('that refuses for good is another matter: its answers are counted', async () => {
    covers('LOOP-07')
    const { world, tabs: [tab] } = await leaked(1)
    let asked = 0
    world.server.refreshScript = () => (asked++, problem(403, 'origin_refused'))
    const page = hammer(tab!)
    await world.run(60_000)
    page.stop()
    expect(asked).toBe(3)
  })

  test('is asked by a whole browser once in a few seconds, however many tabs hammer, and ever further apart', async () => {
    covers('LOOP-07', 'RET-03')
    const { world, tabs, asks } = await leaked(8)
    const pages = tabs.map((tab) => hammer(tab))
    await world.run(120_000)
    for (const page of pages) {
      page.stop()
      // Nobody hangs: each tab hears of its siblings' vain attempts.
      expect(page.statuses.length).toBeGreaterThan(8)
    }
    expect(most(asks.filter((at) => at > asks[0]! + 10_000), 4_000)).toBe(1)
    expect(most(asks, 10_000)).toBeLessThanOrEqual(6)
    expect(asks.length).toBeGreaterThan(120_000 / 8_200)
    expect(asks.length).toBeLessThan(120_000 / 4_000 + 3)
  })

  test('that says when to come back is left alone until then by all tabs', async () => {
    covers('RET-03')
    const { world, tabs, asks } = await leaked(2)
    world.server.refreshScript = () => (asks.push(world.now), new Response('', { status: 503, headers: { 'retry-after': '20' } }))
    const pages = tabs.map((tab) => hammer(tab))
    await world.run(65_000)
    for (const page of pages) page.stop()
    expect(asks.length).toBeLessThanOrEqual(4)
    expect(asks[1]! - asks[0]!).toBeGreaterThanOrEqual(20_000)
  })

  test('comes back for all tabs at once: one of them asks, the others take what it got', async () => {
    covers('REF-14')
    const { world, tabs, asks } = await leaked(8)
    const pages = tabs.map((tab) => hammer(tab))
    await world.run(30_000)
    const before = asks.length
    world.server.refreshScript = () => (asks.push(world.now), null)
    await world.run(10_000)
    for (const page of pages) {
      page.stop()
      expect(page.statuses.at(-1)).toBe(200)
    }
    expect(asks.length - before).toBe(1)
  })

  test('does not keep a user waiting who presses the button', async () => {
    covers('REF-07')
    const { world, tabs: [tab], asks } = await leaked(1)
    const page = hammer(tab!)
    await world.run(60_000)
    page.stop()
    await world.run(30_000)
    void tab!.api()
    await world.run(100)
    const before = asks.length
    const pressed = world.now
    world.server.refreshScript = () => null
    let token = ''
    void tab!.keyturn.refresh().then((got) => (token = got))
    await world.run(500)
    expect(token).toMatch(/\./)
    expect([asks.length - before, world.now - pressed]).toEqual([0, 500])
  })

  test('a minute ago counts no more: a single hiccup is tried again', async () => {
    covers('RET-03')
    const { world, tabs: [tab] } = await leaked(1)
    const page = hammer(tab!)
    await world.run(30_000)
    page.stop()
    await world.run(90_000)
    let asked = 0
    world.server.refreshScript = () => (asked++ ? null : down())
    let status = 0
    void tab!.api().then((r) => (status = r.status))
    await world.run(10_000)
    expect([status, asked]).toEqual([200, 2])
  })

  test('does not use up the refresh that a 403 has', async () => {
    covers('LOOP-03', 'DET-03')
    const world = new World()
    const tab = world.browser().open({ streamUrl: null })
    await world.run(2_000)
    world.server.refreshScript = down
    const call = async (ms: number): Promise<number> => {
      let status = 0
      void tab.api('/admin').then((r) => (status = r.status))
      await world.run(ms)
      return status
    }
    expect(await call(30_000)).toBe(403)
    expect(tab.keyturn.status().counters['403.failed']).toBe(1)
    world.server.refreshScript = () => null
    world.server.roles = ['user', 'admin']
    expect(await call(10_000)).toBe(200)
  })

  test('under a clock that is set back is asked all the same', async () => {
    covers('EDGE-13')
    const { world, browser, tabs: [tab] } = await leaked(1)
    const page = hammer(tab!)
    await world.run(30_000)
    page.stop()
    await world.run(10_000)
    browser.skew = -3_600_000
    world.server.refreshScript = () => null
    let status = 0
    void tab!.api().then((r) => (status = r.status))
    await world.run(10_000)
    expect(status).toBe(200)
  })
})

test('a server that refuses each of its own tokens is still stopped after three', async () => {
  covers('LOOP-07')
  const { world, tabs: [tab] } = await leaked(1)
  let asked = 0
  world.server.refreshScript = () => (asked++, null)
  world.server.apiScript = () => problem(401, 'key_retired')
  const page = hammer(tab!)
  await world.run(120_000)
  page.stop()
  expect(asked).toBeLessThanOrEqual(3)
})
