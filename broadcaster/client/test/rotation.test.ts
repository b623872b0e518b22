import { describe, expect, test } from 'vitest'
import { place } from '../src/hash'
import { covers } from './covers'
import { World } from './world'

const first = { key: 'k1', kid: '2026-10-a' }
const second = { key: 'k2', kid: '2026-11-b' }
const third = { key: 'k3', kid: '2026-12-c' }

const started = async (world: World, options = {}): Promise<ReturnType<ReturnType<World['browser']>['open']>> => {
  const tab = world.browser().open(options)
  await world.run(1_000)
  return tab
}

describe('a rotation', () => {
  test('moves an idle page to the new key ahead of any failure, once, and is acknowledged on its connection', async () => {
    covers('DET-07', 'PERF-05', 'SIL-05')
    const world = new World()
    const tab = await started(world)
    expect(tab.keyturn.status()).toMatchObject({ socket: 'open', kid: first.kid, token: { key: 'k1' } })
    expect(tab.refreshes).toBe(1)

    world.server.turn(second)
    await world.run(1_000)
    expect(tab.keyturn.status().token?.key).toBe('k1')
    await world.run(126_000)
    expect(tab.keyturn.status()).toMatchObject({ socket: 'open', kid: second.kid, token: second, plannedMs: null })
    expect(tab.refreshes).toBe(2)
    expect(tab.sockets).toHaveLength(1)
    expect(tab.socket.sent.map((f) => f.type)).toEqual(['auth', 'auth'])

    // None more in the next ten beacons.
    await world.run(250_000)
    expect(tab.refreshes).toBe(2)
  })

  test('is met at the slot that browser and rev decide, whatever the beacons say meanwhile', async () => {
    covers('REF-06', 'PERF-06')
    const world = new World()
    const tab = await started(world)
    const told: number[] = []
    tab.keyturn.on('refresh', ({ phase }) => void (phase === 'started' && told.push(world.now)))
    world.server.turn(second)
    const heard = world.now + 5
    const slot = 5_000 + place(tab.browser.local.getItem('keyturn:browser')!, world.server.rev) * 120_000
    await world.run(2_000)
    expect(tab.keyturn.status().plannedMs).toBeCloseTo(slot - (world.now - heard), -1)
    world.server.plan = { afterMs: 600_000, windowMs: 600_000 }
    for (let i = 0; i < 5; i++) world.server.broadcast(world.server.state())
    await world.run(125_000)
    expect(told).toHaveLength(1)
    expect(told[0]! - heard).toBeGreaterThanOrEqual(slot - 1)
    expect(told[0]! - heard).toBeLessThan(slot + 200)
  })

  test('told five times is one refresh, and an older state is ignored', async () => {
    covers('EDGE-11')
    const world = new World()
    const tab = await started(world)
    const old = world.server.state()
    world.server.turn(second)
    for (let i = 0; i < 5; i++) world.server.broadcast(world.server.state())
    await world.run(130_000)
    expect([tab.refreshes, tab.keyturn.status().kid]).toEqual([2, second.kid])
    world.server.broadcast(old)
    world.server.broadcast({ ...old, rev: old.rev - 1, key: 'k0', kid: 'k0' })
    await world.run(100)
    expect(tab.keyturn.status()).toMatchObject({ rev: world.server.rev, kid: second.kid, plannedMs: null })
    await world.run(130_000)
    expect([tab.refreshes, tab.keyturn.status().kid]).toEqual([2, second.kid])
  })

  test('while a refresh runs: the newest key wins, with one more refresh', async () => {
    covers('EDGE-09')
    const world = new World()
    world.server.plan = { afterMs: 0, windowMs: 0 }
    const tab = await started(world)
    world.server.latencyMs = 400
    world.server.turn(second)
    await world.run(200)
    world.server.turn(third)
    await world.run(60_000)
    expect(tab.keyturn.status().token).toMatchObject(third)
    expect(tab.refreshes).toBeLessThanOrEqual(3)
  })

  test('rolled back is followed', async () => {
    covers('EDGE-10')
    const world = new World()
    const tab = await started(world)
    world.server.turn(second)
    await world.run(130_000)
    world.server.turn(first)
    await world.run(130_000)
    expect(tab.keyturn.status().token).toMatchObject(first)
    expect(tab.refreshes).toBe(3)
  })

  test('that was missed is found on reconnect, without a failed request', async () => {
    covers('DET-08')
    const world = new World()
    const tab = await started(world)
    tab.fire('offline')
    tab.socket.end(1006)
    await world.run(10_000)
    world.server.turn(second)
    await world.run(60_000)
    expect(tab.keyturn.status().token?.key).toBe('k1')
    tab.fire('online')
    await world.run(130_000)
    expect(tab.keyturn.status().token?.key).toBe('k2')
    expect(world.server.seen).toEqual([])
  })

  test('whose push was lost is found by the next beacon', async () => {
    covers('DET-08')
    const world = new World()
    const tab = await started(world)
    world.server.turn(second, { silent: true })
    await world.run(26_000 + 126_000)
    expect(tab.keyturn.status().token?.key).toBe('k2')
  })

  test('of a compromised key goes the same way in its own window, or at once by the first refused call', async () => {
    covers('DET-02', 'REF-08')
    const world = new World()
    world.server.urgency = 'compromise'
    world.server.plan = { afterMs: 0, windowMs: 120_000 }
    const [idle, busy] = [await started(world), await started(world)]
    world.server.turn(second, { keep: false })
    await world.run(100)
    const answer = busy.api()
    await world.run(1_000)
    expect((await answer).status).toBe(200)
    expect(busy.refreshes).toBe(2)
    await world.run(120_000)
    expect(idle.keyturn.status().token?.key).toBe('k2')
    expect([idle.refreshes, busy.refreshes]).toEqual([2, 2])
  })
})

describe('nothing is refreshed', () => {
  test('by a state that is not live; once it is again, by a slot of its own, so that not all come at once', async () => {
    const world = new World()
    const tab = await started(world)
    world.server.live = false
    world.server.turn(second)
    await world.run(200_000)
    expect(tab.refreshes).toBe(1)
    world.server.live = true
    world.server.broadcast(world.server.state())
    await world.run(100)
    expect(tab.keyturn.status().plannedMs).toBeGreaterThan(4_000)
    await world.run(126_000)
    expect(tab.refreshes).toBe(2)
  })

  test('when a slot passed while the server could not see the log, before a new slot', async () => {
    const world = new World()
    const tab = await started(world)
    world.server.turn(second)
    await world.run(100)
    world.server.live = false
    world.server.broadcast(world.server.state())
    await world.run(200_000)
    expect(tab.refreshes).toBe(1)
    world.server.live = true
    world.server.broadcast(world.server.state())
    await world.run(1_000)
    expect(tab.refreshes).toBe(1)
    await world.run(126_000)
    expect(tab.refreshes).toBe(2)
  })

  test('for a replica that lags behind the token', async () => {
    const world = new World()
    world.server.turn(second)
    const tab = world.browser().open()
    await world.run(1_000)
    expect(tab.keyturn.status().token?.key).toBe('k2')
    // The replica has not heard: it still names the first key, which it has known for long.
    world.server.broadcast({ ...world.server.state(), rev: world.server.rev + 1, ...first, sinceMs: 3_600_000, retiring: [] })
    await world.run(200_000)
    expect(tab.refreshes).toBe(1)
  })

  test('by a wrong clock, ten minutes ahead or behind', async () => {
    covers('EDGE-13')
    for (const skew of [600_000, -600_000]) {
      const world = new World()
      const browser = world.browser()
      browser.skew = skew
      const tab = browser.open()
      await world.run(500_000)
      expect(tab.refreshes).toBe(1)
      world.server.turn(second)
      await world.run(126_000)
      expect([tab.refreshes, tab.keyturn.status().token?.key]).toEqual([2, 'k2'])
    }
  })
})

describe('an issuer that lags', () => {
  test('is asked once more after a while, then left in peace, and that is said', async () => {
    covers('EDGE-16')
    const world = new World()
    const tab = await started(world)
    const failed: string[] = []
    tab.keyturn.on('failed', ({ code }) => failed.push(code))
    world.server.signsWith = first
    world.server.turn(second)
    const at: number[] = []
    tab.keyturn.on('refresh', ({ phase }) => void (phase === 'started' && at.push(world.now)))
    await world.run(560_000)
    expect(tab.refreshes).toBe(3)
    expect(at[1]! - at[0]!).toBeGreaterThan(19_000)
    expect(failed).toEqual(['key_not_current'])
  })

  test('that catches up in time is noticed by the second answer', async () => {
    const world = new World()
    world.server.plan = { afterMs: 0, windowMs: 0 }
    const tab = await started(world)
    world.server.signsWith = first
    world.server.turn(second)
    await world.run(1_000)
    world.server.signsWith = null
    await world.run(60_000)
    expect([tab.refreshes, tab.keyturn.status().token?.key]).toEqual([3, 'k2'])
  })

  test('in eight tabs is asked twice a rev by the browser, not by each tab', async () => {
    const world = new World()
    const browser = world.browser()
    for (let i = 0; i < 8; i++) browser.open()
    await world.run(2_000)
    world.server.signsWith = first
    world.server.turn(second)
    await world.run(500_000)
    expect(world.server.issued).toBe(3)
  })
})

test('a flood of forged rotations is a handful of refreshes, ever further apart', async () => {
  covers('SEC-10', 'EDGE-11')
  const world = new World()
  const tab = await started(world)
  for (let i = 1; i <= 1_000; i++) {
    world.server.broadcast({ ...world.server.state(), rev: world.server.rev + i, key: `x${i}`, kid: `x${i}`, sinceMs: 0, retiring: [{ ...first, forMs: 1 }], refresh: { afterMs: 0, windowMs: 0 } })
    await world.run(300)
  }
  // Five minutes of it.
  expect(tab.refreshes).toBeGreaterThan(1)
  expect(tab.refreshes).toBeLessThanOrEqual(1 + 6)
})

describe('eight tabs', () => {
  test('refresh once for a rotation, and all are on the new key', async () => {
    covers('REF-14', 'FUT-8')
    const world = new World()
    const browser = world.browser()
    const tabs = Array.from({ length: 8 }, () => browser.open())
    await world.run(5_000)
    expect(world.server.issued).toBe(1)
    world.server.turn(second)
    await world.run(130_000)
    expect(world.server.issued).toBe(2)
    expect(tabs.map((t) => t.keyturn.status().token?.key)).toEqual(tabs.map(() => 'k2'))
    expect(tabs.map((t) => t.socket.sent.length)).toEqual(tabs.map(() => 2))
    expect(browser.locks.most).toBe(1)
  })

  test.each(Array.from({ length: 12 }, (_, seed) => seed))('refresh once a rev under any interleaving (seed %i)', async (seed) => {
    covers('REF-14', 'EDGE-01')
    const world = new World(seed * 7919 + 1)
    const browser = world.browser()
    world.server.plan = { afterMs: 0, windowMs: 20_000 }
    const tabs = Array.from({ length: 8 }, () => browser.open())
    for (const tab of tabs) tab.wireMs = 1 + Math.floor(world.random() * 500)
    await world.run(5_000)
    for (const [turn, key] of [second, third, first].entries()) {
      const before = world.server.issued
      world.server.latencyMs = 1 + Math.floor(world.random() * 400)
      world.server.turn(key, { keep: world.random() < 0.5 })
      const calls: Promise<Response>[] = []
      for (const tab of tabs) if (world.random() < 0.3) world.after(world.random() * 20_000, () => calls.push(tab.api()))
      await world.run(60_000)
      expect(world.server.issued - before, `turn ${turn}`).toBe(1)
      expect(new Set(tabs.map((t) => t.keyturn.status().token?.key))).toEqual(new Set([key.key]))
      for (const call of calls) expect((await call).status).toBe(200)
    }
    expect(browser.locks.most).toBe(1)
  })

  test.each([
    ['locks', { locks: false }], ['a channel', { channel: false }], ['storage', { storage: false }],
    ['any of them', { locks: false, channel: false, storage: false }],
  ])('without %s all get to the new key, each with one refresh at most', async (_, lacking) => {
    covers('EDGE-14', 'REF-14')
    const world = new World()
    const browser = world.browser(lacking)
    const tabs = Array.from({ length: 8 }, () => browser.open())
    await world.run(5_000)
    world.server.turn(second)
    await world.run(130_000)
    expect(tabs.map((t) => t.keyturn.status().token?.key)).toEqual(tabs.map(() => 'k2'))
    for (const tab of tabs) expect(tab.refreshes).toBeLessThanOrEqual(2)
  })
})

test('a hundred browsers come spread over the window', async () => {
  covers('PERF-06')
  const world = new World(5)
  const tabs = Array.from({ length: 100 }, () => world.browser().open())
  await world.run(2_000)
  const at: number[] = []
  for (const tab of tabs) tab.keyturn.on('refresh', ({ phase }) => void (phase === 'started' && at.push(world.now)))
  world.server.turn(second)
  const begin = world.now
  await world.run(127_000)
  expect(at).toHaveLength(100)
  const quarter = [0, 1, 2, 3].map((q) => at.filter((t) => Math.floor((t - begin - 5_000) / 30_000) === q).length)
  for (const n of quarter) expect(n).toBeGreaterThan(10)
})

describe('expiry', () => {
  test.each([[1_800, 1_500], [180, 90], [900, 600]])('a token of %i s is replaced after %i s', async (life, at) => {
    covers('DET-09', 'FUT-2')
    const world = new World()
    world.server.lifeMs = life * 1000
    const tab = await started(world, { streamUrl: null })
    await world.run(at * 1000 - 1_500)
    expect(tab.refreshes).toBe(1)
    await world.run(2_000)
    expect(tab.refreshes).toBe(2)
  })

  test('that comes before the slot wins, and then the slot is idle', async () => {
    const world = new World()
    world.server.plan = { afterMs: 400_000, windowMs: 0 }
    const tab = await started(world)
    await world.run(300_000)
    world.server.turn(second)
    await world.run(310_000)
    expect([tab.refreshes, tab.keyturn.status().token?.key]).toEqual([2, 'k2'])
    await world.run(150_000)
    expect(tab.refreshes).toBe(2)
  })

  test('of tokens that live for a second is no storm', async () => {
    covers('EDGE-13')
    const world = new World()
    world.server.lifeMs = 1_000
    const tab = await started(world, { streamUrl: null })
    await world.run(60_000)
    expect(tab.refreshes).toBeLessThan(70)
  })

  test('is told by the server where the token says something else', async () => {
    const world = new World()
    const tab = await started(world)
    tab.socket.deliver({ type: 'welcome', session: 's', ...first, stale: false, ttlMs: 1, beaconMs: 25_000, nowMs: world.now })
    await world.run(100_000)
    // That welcome answered no auth: it is about no token.
    expect(tab.refreshes).toBe(1)
  })
})

describe('a hidden page', () => {
  test('waits for its user, then refreshes at once', async () => {
    covers('EDGE-12')
    const world = new World()
    const tab = await started(world)
    tab.show(false)
    world.server.turn(second)
    await world.run(200_000)
    expect(tab.refreshes).toBe(1)
    tab.show(true)
    await world.run(1_000)
    expect([tab.refreshes, tab.keyturn.status().token?.key]).toEqual([2, 'k2'])
  })

  test('takes over the token of a visible sibling meanwhile', async () => {
    const world = new World()
    const browser = world.browser()
    const [seen, unseen] = [browser.open(), browser.open()]
    await world.run(1_000)
    unseen.show(false)
    world.server.turn(second)
    await world.run(130_000)
    expect([seen.refreshes + unseen.refreshes, unseen.keyturn.status().token?.key]).toEqual([2, 'k2'])
  })
})

describe('changed claims', () => {
  test('are fetched within their window, once', async () => {
    covers('REF-02')
    const world = new World()
    const tab = await started(world)
    world.server.roles = ['user', 'admin']
    world.server.broadcast({ type: 'claims', afterMs: 1_000, windowMs: 5_000 })
    await world.run(500)
    expect(tab.keyturn.status().plannedMs).not.toBeNull()
    await world.run(6_500)
    expect(tab.refreshes).toBe(2)
    const answer = tab.api('/admin')
    await world.run(1_000)
    expect((await answer).status).toBe(200)
    await world.run(60_000)
    expect(tab.refreshes).toBe(2)
  })

  test('announced a thousand times are a handful of refreshes', async () => {
    covers('SEC-10')
    const world = new World()
    const tab = await started(world)
    for (let i = 0; i < 1_000; i++) {
      world.server.broadcast({ type: 'claims', afterMs: 0, windowMs: 0 })
      await world.run(60)
    }
    expect(tab.refreshes).toBeLessThanOrEqual(1 + 7)
  })
})

test.each<[string, (world: World) => void]>([
  ['changed claims', (world) => world.server.broadcast({ type: 'claims', afterMs: 600_000, windowMs: 0 })],
  ['a turned key', (world) => world.server.turn(second)],
])('%s are a new reason: what was blocked for its permissions may refresh again', async (_, tell) => {
  covers('LOOP-10')
  const world = new World()
  const tab = await started(world)
  const call = async (): Promise<number> => {
    const answer = tab.api('/admin')
    await world.run(2_000)
    return (await answer).status
  }
  expect([await call(), await call(), tab.refreshes]).toEqual([403, 403, 2])
  world.server.roles = ['user', 'admin']
  tell(world)
  await world.run(100)
  expect([await call(), tab.refreshes]).toEqual([200, 3])
})

test('claims that change while a refresh is under way are fetched by another one', async () => {
  const world = new World()
  const tab = await started(world)
  world.server.latencyMs = 2_000
  const manual = tab.keyturn.refresh()
  await world.run(1_500)
  tab.socket.deliver({ type: 'claims', afterMs: 1_000, windowMs: 10_000 })
  await world.run(30_000)
  await manual
  expect(tab.refreshes).toBe(3)
})
