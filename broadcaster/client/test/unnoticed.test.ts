import { describe, expect, test } from 'vitest'
import type { Episode } from '../src/episodes'
import { createManager } from '../src/manager'
import { covers } from './covers'
import { makeToken, problem } from './server'
import type { Tab } from './world'
import { World } from './world'

const second = { key: 'k2', kid: '2026-11-b' }

const open = async (world: World, options = {}): Promise<{ tab: Tab; heard: Episode[] }> => {
  const tab = world.browser().open(options)
  const heard: Episode[] = []
  tab.keyturn.on('episode', (episode) => heard.push(episode))
  await world.run(1_000)
  return { tab, heard }
}

const called = async (world: World, tab: Tab, path?: string, init?: RequestInit): Promise<number> => {
  const call = tab.api(path, init)
  await world.run(2_000)
  return (await call).status
}

/** `open`, with `!` when a user could have noticed. */
const phases = (heard: Episode[]): string[] => heard.map(({ phase, noticeable }) => phase + (noticeable ? '!' : ''))

describe('what a user sees of it', () => {
  test('is nothing in ten minutes of calls', async () => {
    covers('EXP-1', 'PERF-01')
    const world = new World()
    world.server.lifeMs = 3_600_000
    const { tab, heard } = await open(world)
    // One call every two seconds.
    for (let i = 0; i < 300; i++) expect(await called(world, tab)).toBe(200)
    expect(world.server.seen).toHaveLength(300)
    expect([tab.calls.length, tab.refreshes, tab.sockets.length, heard]).toEqual([301, 1, 1, []])
    expect(createManager(tab.keyturn, { check: false }).getJWTValidationStats()).toMatchObject({ validationFailureCount: 0, lastValidationError: null })
  })

  test('is nothing when the key turns: no failed call, and nothing lost of the page', async () => {
    covers('ACC-16', 'REF-08')
    const world = new World()
    const { tab, heard } = await open(world)
    world.server.turn(second)
    for (let i = 0; i < 70; i++) expect(await called(world, tab)).toBe(200)
    expect([tab.keyturn.status().token?.kid, heard]).toEqual([second.kid, []])
    expect(world.server.seen.every((s) => s.status === 200)).toBe(true)
  })

  test('is nothing when the socket is blocked and the first refused call recovers at the first try', async () => {
    covers('EXP-2', 'EDGE-14', 'DET-01')
    const world = new World()
    world.server.blocked = true
    const { tab, heard } = await open(world)
    const manager = createManager(tab.keyturn, { check: false })
    world.server.turn(second, { keep: false })
    expect(await called(world, tab)).toBe(200)
    expect([phases(heard), tab.refreshes]).toEqual([['open', 'recovered'], 2])
    expect(manager.getJWTValidationStats().validationFailureCount).toBe(1)
  })

  test('is a success when the refresh took a second attempt', async () => {
    covers('EXP-2', 'EXP-3', 'NOT-16')
    const world = new World()
    const { tab, heard } = await open(world)
    world.server.turn(second, { keep: false, silent: true })
    let down = 1
    world.server.refreshScript = () => (down-- > 0 ? problem(503, 'down') : null)
    const call = tab.api()
    await world.run(10_000)
    expect((await call).status).toBe(200)
    expect(phases(heard)).toEqual(['open', 'open!', 'recovered!'])
  })

  test('is the failure when it failed, the hard refresh when it failed twice, and an end of both', async () => {
    covers('EXP-4', 'EXP-5', 'REF-10')
    const world = new World()
    const { tab, heard } = await open(world)
    world.server.turn(second, { keep: false, silent: true })
    world.server.refreshScript = () => problem(500, 'broken')
    for (let i = 0; i < 2; i++) {
      const call = tab.api()
      await world.run(20_000)
      expect((await call).status).toBe(401)
    }
    expect(heard.map(({ id, phase, failures }) => [id, phase, failures])).toEqual([[1, 'open', 0], [1, 'open', 0], [1, 'failed', 1], [2, 'failed', 2]])
    world.server.refreshScript = () => null
    const wish = tab.keyturn.refresh()
    await world.run(1_000)
    await wish
    expect(heard.at(-1)).toMatchObject({ id: 2, phase: 'recovered', failures: 0, noticeable: true })
  })

  test('is the denial, with the server\'s own words, when a role is truly missing', async () => {
    covers('LOOP-08', 'NOT-22', 'EDGE-07')
    const world = new World()
    const { tab, heard } = await open(world)
    expect(await called(world, tab, '/admin')).toBe(403)
    expect(await called(world, tab, '/admin')).toBe(403)
    expect(heard.at(-1)).toMatchObject({ phase: 'denied', message: 'needs admin' })
    expect([tab.refreshes, new Set(heard.map(({ id }) => id)).size]).toEqual([2, 1])
  })

  test('is nothing of the network: offline is no authentication failure', async () => {
    covers('DET-12')
    const world = new World()
    const { tab, heard } = await open(world)
    world.server.apiScript = () => Promise.reject(new TypeError('Failed to fetch'))
    const call = tab.api().catch((error: Error) => error.message)
    await world.run(20_000)
    expect([await call, tab.refreshes, heard]).toEqual(['Failed to fetch', 1, []])
  })

  test('is the notice when the issuer keeps signing with the old key', async () => {
    covers('EDGE-16')
    const world = new World()
    const { tab, heard } = await open(world)
    world.server.signsWith = { key: 'k1', kid: '2026-10-a' }
    world.server.turn(second)
    await world.run(560_000)
    expect([tab.refreshes, phases(heard), heard[0]!.code]).toEqual([3, ['failed!'], 'key_not_current'])
    world.server.signsWith = null
    const wish = tab.keyturn.refresh()
    await world.run(1_000)
    await wish
    expect(heard.at(-1)!.phase).toBe('recovered')
  })

  test('is the end of it when the user signs out', async () => {
    covers('SEC-07', 'NOT-14')
    const world = new World()
    const { tab, heard } = await open(world)
    await called(world, tab, '/admin')
    void tab.keyturn.logout()
    await world.run(1_000)
    expect(heard.at(-1)!.phase).toBe('over')
  })

  test('is the hard refresh when the server says that the script is too old', async () => {
    covers('NOT-15')
    const world = new World()
    const { tab, heard } = await open(world)
    tab.socket.deliver({ type: 'error', code: 'client_outdated', message: 'x' })
    await world.run(10)
    expect(heard.at(-1)).toMatchObject({ phase: 'failed', outdated: true })
  })
})

test('a role that was revoked is gone with the next token, and is denied once', async () => {
  covers('EDGE-08')
  const world = new World()
  world.server.roles = ['user', 'admin']
  const { tab } = await open(world)
  expect(await called(world, tab, '/admin')).toBe(200)
  world.server.roles = ['user']
  const wish = tab.keyturn.refresh()
  await world.run(1_000)
  await wish
  expect([await called(world, tab, '/admin'), await called(world, tab, '/admin')]).toEqual([403, 403])
  expect(tab.refreshes).toBe(3)
})

test('no connection is opened with a token that will not do', async () => {
  covers('DET-11', 'REF-13')
  const world = new World()
  const stale = world.server.token('alice')
  const browser = world.browser()
  const tab = browser.tab()
  // Wherever an older page may have left it.
  for (const store of [browser.local, tab.session]) for (const name of ['token', 'auth_token', 'keyturn:token']) store.setItem(name, stale)
  world.server.turn(second, { keep: false })
  await world.run(1_000_000)
  world.server.latencyMs = 5_000
  tab.start()
  const call = tab.api()
  await world.run(4_000)
  expect([tab.sockets.length, tab.calls]).toEqual([0, ['POST /auth/refresh']])
  await world.run(20_000)
  expect((await call).status).toBe(200)
  expect(tab.socket.sent.map(({ type, token }) => [type, token === stale])).toEqual([['auth', false]])
  expect([tab.sockets.length, tab.keyturn.status().socket, tab.keyturn.status().lastClose]).toEqual([1, 'open', null])
  expect(world.server.seen.map((s) => s.status)).toEqual([200])
})

test('a token of the app\'s that has expired at load is refreshed after the page could render', async () => {
  covers('DET-09', 'REF-13')
  const world = new World()
  const old = makeToken({ kid: 'a' }, { sub: 'alice', iat: 2, exp: 2 })
  const asked: number[] = []
  const began = world.now
  const tab = world.browser().open({
    manual: true, streamUrl: null,
    settings: { getToken: () => old, refresh: async () => (asked.push(world.now - began), makeToken({ kid: 'a' }, { sub: 'alice', iat: 3, exp: 1e10 })) },
  })
  await world.run(1_000)
  expect(asked).toEqual([expect.any(Number)])
  expect(asked[0]).toBeGreaterThanOrEqual(100)
  expect(asked[0]).toBeLessThan(200)
  expect(tab.said('Token expires in 0s')).toBe(1)
})

describe('a page that has been through everything', () => {
  const lived = async (): Promise<{ world: World; tab: Tab }> => {
    const world = new World()
    const { tab } = await open(world, { settings: { debug: true } })
    createManager(tab.keyturn)
    world.server.turn(second)
    await world.run(200_000)
    world.server.turn({ key: 'k3', kid: 'c' }, { keep: false })
    await called(world, tab)
    await called(world, tab, '/admin')
    world.server.refreshScript = () => problem(500, 'broken', { detail: 'alice@example.com' })
    void tab.keyturn.refresh().catch(() => {})
    await world.run(20_000)
    return { world, tab }
  }

  test('has no token, no part of one and no name in its console', async () => {
    covers('LOG-22', 'SEC-05', 'ACC-8')
    const { tab } = await lived()
    expect(tab.lines.length).toBeGreaterThan(20)
    expect(tab.lines.join('\n')).not.toMatch(/ey[A-Za-z0-9_-]{6,}|alice/)
  })

  test('has stored digests, times and names of its own, nothing of the user\'s', async () => {
    covers('SEC-01', 'SEC-03', 'SEC-04')
    const { tab } = await lived()
    const shape = (items: Map<string, string>): Record<string, string> => Object.fromEntries([...items].sort())
    expect(shape(tab.session.items)).toEqual({
      'keyturn:403:payments': expect.stringMatching(/^\d+-\d+$/), tokenRefreshError: 'Token refresh failed. Please try logging in again.',
    })
    expect(shape(tab.browser.local.items)).toEqual({
      'keyturn:browser': expect.stringMatching(/^[\d.]+$/), 'keyturn:budget:payments': expect.stringMatching(/^[\d ]+$/),
      'keyturn:silence:payments': expect.stringMatching(/^[\d .]+$/),
    })
  })

  test('has not grown: ten thousand calls leave what one leaves', async () => {
    covers('PERF-04')
    const world = new World()
    world.server.latencyMs = 0
    const { tab } = await open(world)
    const size = (): number => JSON.stringify([tab.keyturn.status(), [...tab.session.items], [...tab.browser.local.items], tab.lines.length]).length
    await called(world, tab)
    const before = size()
    for (let i = 0; i < 100; i++) {
      const calls = Array.from({ length: 100 }, () => tab.api())
      await world.run(1)
      await Promise.all(calls)
    }
    expect(world.server.seen).toHaveLength(10_001)
    expect(size() - before).toBeLessThan(20)
  })
})

test('a refused call is well again after one refresh: three round trips, and fifty milliseconds for the siblings', async () => {
  covers('PERF-02', 'RET-01')
  const world = new World()
  const { tab } = await open(world)
  world.server.turn(second, { keep: false, silent: true })
  const began = world.now
  let took = 0
  void tab.api().then(() => (took = world.now - began))
  await world.run(2_000)
  expect(took).toBeGreaterThan(0)
  expect(took).toBeLessThanOrEqual(3 * world.server.latencyMs + 60)
})

test('an idle page asks nobody: beacons, its token\'s end and the watch for a sleep are all that runs', async () => {
  covers('PERF-05')
  const world = new World()
  const { tab } = await open(world)
  let timers = 0
  const { after } = world
  world.after = (ms, run) => (timers++, after.call(world, ms, run))
  await world.run(500_000)
  expect(tab.calls).toHaveLength(1)
  // 34 ticks of the watch, 20 beacons with what delivers them and the watchdogs that they wind up.
  expect(timers).toBeLessThan(120)
})
