import { describe, expect, test } from 'vitest'
import { covers } from './covers'
import { blocked, second, settled } from './refused'
import { problem } from './server'
import { World } from './world'

describe('loops end', () => {
  test('after three refreshes that failures caused, in five minutes, in all tabs of the browser', async () => {
    const world = new World()
    const browser = world.browser()
    const tabs = [browser.open({ streamUrl: null }), browser.open({ streamUrl: null })]
    await world.run(1_000)
    const before = world.server.issued
    // Each new token is good once, then refused: the breaker sees successes in between.
    let n = 0
    world.server.apiScript = () => (n++ % 2 ? Response.json({}) : problem(401, 'key_retired'))
    for (let i = 0; i < 6; i++) await settled(world, tabs[i % 2]!.api(), 1_000)
    expect(world.server.issued - before).toBe(3)
    expect(tabs[0]!.said('three refreshes after failures') + tabs[1]!.said('three refreshes after failures')).toBeGreaterThan(0)
    await world.run(300_000)
    n = 0
    await settled(world, tabs[0]!.api(), 1_000)
    expect(world.server.issued - before).toBeGreaterThan(3)
  })

  test('when two new tokens in a row were refused: the breaker opens, for five minutes', async () => {
    const world = new World()
    const tab = await blocked(world)
    world.server.apiScript = () => problem(401, 'signature_invalid')
    for (let i = 0; i < 6; i++) await settled(world, tab.api(), 1_000)
    expect([tab.refreshes, tab.keyturn.status().breaker]).toEqual([3, 'open'])
    expect(tab.said('new tokens are being refused')).toBeGreaterThan(0)
    await world.run(300_000)
    expect(tab.keyturn.status().breaker).toBe('closed')
    const before = tab.refreshes
    await settled(world, tab.api(), 1_000)
    expect([tab.refreshes - before, tab.keyturn.status().breaker]).toEqual([1, 'open'])
  })

  test('but a new rev, or a wish, gives one more try', async () => {
    covers('LOOP-10')
    const world = new World()
    const tab = world.browser().open()
    await world.run(1_000)
    world.server.apiScript = () => problem(401, 'signature_invalid')
    for (let i = 0; i < 3; i++) await settled(world, tab.api(), 1_000)
    expect(tab.keyturn.status().breaker).toBe('open')
    world.server.turn(second)
    await world.run(100)
    expect(tab.keyturn.status().breaker).toBe('closed')
    const wished = tab.keyturn.refresh()
    await world.run(1_000)
    expect(await wished).toMatch(/\./)
    world.server.apiScript = () => null
    expect((await settled(world, tab.api(), 1_000)).status).toBe(200)
  })

  test('whatever happens to storage', async () => {
    const world = new World()
    const tab = await blocked(world, { storage: false })
    let n = 0
    world.server.apiScript = () => (n++ % 2 ? Response.json({}) : problem(401, 'key_retired'))
    for (let i = 0; i < 6; i++) await settled(world, tab.api(), 1_000)
    expect(tab.refreshes).toBe(4)
  })
})
