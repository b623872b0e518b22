import { describe, expect, test } from 'vitest'
import { covers } from './covers'
import { World } from './world'

const second = { key: 'k2', kid: '2026-11-b' }

describe('the lock of the browser', () => {
  test('is held around the fetch only, and free while the server is busy', async () => {
    covers('REF-14')
    const world = new World()
    const browser = world.browser()
    const tab = browser.open({ streamUrl: null })
    await world.run(1_000)
    world.server.refreshScript = () => new Response('', { status: 429, headers: { 'retry-after': '5' } })
    const work = tab.keyturn.refresh()
    await world.run(1_000)
    expect(browser.locks.isHeld()).toBe(false)
    world.server.refreshScript = () => null
    await world.run(10_000)
    await work
    expect([browser.locks.isHeld(), browser.locks.most]).toEqual([false, 1])
  })

  test('held by a frozen tab is taken from it after it was silent for thirty seconds', async () => {
    covers('REF-14')
    const world = new World()
    const browser = world.browser()
    const [frozen, tab] = [browser.open({ streamUrl: null }), browser.open({ streamUrl: null })]
    await world.run(1_000)
    world.server.latencyMs = 4_000
    frozen.keyturn.refresh().catch(() => {})
    await world.run(100)
    frozen.frozen = true
    world.server.refreshScript = () => new Promise(() => {})
    expect(browser.locks.isHeld()).toBe(true)
    const work = tab.keyturn.refresh()
    await world.run(20_000)
    expect(tab.refreshes).toBe(0)
    world.server.refreshScript = () => null
    await world.run(30_000)
    expect(await work).toMatch(/\./)
    expect(tab.refreshes).toBe(1)
  })

  test('stolen from a tab that was only slow: both go on, and both end with a token', async () => {
    const world = new World()
    const browser = world.browser()
    const tab = browser.open({ streamUrl: null })
    await world.run(1_000)
    world.server.latencyMs = 4_000
    const slow = tab.keyturn.refresh()
    await world.run(1_000)
    await browser.locks.request('keyturn:payments', { steal: true }, () => Promise.resolve())
    await world.run(10_000)
    expect(await slow).toMatch(/\./)
    expect(tab.refreshes).toBe(2)
  })

  test('held for good by a stranger does not stop the page for good', async () => {
    const world = new World()
    const browser = world.browser()
    void browser.locks.request('keyturn:payments', {}, () => new Promise(() => {})).catch(() => {})
    const tab = browser.open({ streamUrl: null })
    await world.run(60_000)
    expect(tab.keyturn.status().token).not.toBeNull()
  })

  test('refused altogether by the browser is done without', async () => {
    covers('EDGE-14')
    const world = new World()
    const browser = world.browser()
    browser.locks.request = () => Promise.reject(new DOMException('no locks here', 'SecurityError'))
    const tab = browser.open({ streamUrl: null })
    await world.run(1_000)
    expect(tab.keyturn.status().token).not.toBeNull()
  })

  test('is given back when the page is put away in the middle of a fetch, and the refresh goes on when it returns', async () => {
    const world = new World()
    const browser = world.browser()
    const tab = browser.open()
    await world.run(1_000)
    world.server.latencyMs = 4_000
    const work = tab.keyturn.refresh()
    await world.run(1_000)
    expect(browser.locks.isHeld()).toBe(true)
    tab.fire('pagehide', { persisted: true })
    await world.run(1)
    expect(browser.locks.isHeld()).toBe(false)
    tab.frozen = true
    await world.run(60_000)
    tab.frozen = false
    tab.fire('pageshow', { persisted: true })
    await world.run(10_000)
    expect(await work).toMatch(/\./)
  })
})

test('the channel and the lock bear the name of the ring: rings do not disturb each other', async () => {
  const world = new World()
  const browser = world.browser()
  browser.open({ ring: 'payments' })
  browser.open({ ring: 'reports' })
  await world.run(2_000)
  expect([...browser.channels.keys()].sort()).toEqual(['keyturn:payments', 'keyturn:reports'])
  expect(world.server.issued).toBe(2)
})

test('all tabs of a browser have the same place, all browsers another; the name leaves the browser nowhere', async () => {
  const world = new World()
  const browser = world.browser()
  const tabs = [browser.open(), browser.open()]
  const other = world.browser().open()
  await world.run(1_000)
  const name = browser.local.getItem('keyturn:browser')!
  expect(name.length).toBeGreaterThan(10)
  expect(other.browser.local.getItem('keyturn:browser')).not.toBe(name)
  world.server.turn(second)
  await world.run(500)
  const planned = tabs.map((t) => t.keyturn.status().plannedMs!)
  expect(planned[0]).toBeCloseTo(planned[1]!, -2)
  await world.run(130_000)
  const sent = JSON.stringify([...tabs, other].flatMap((t) => t.sockets.flatMap((s) => s.sent)))
  expect(sent).not.toContain(name)
})
