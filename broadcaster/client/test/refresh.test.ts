import { describe, expect, test } from 'vitest'
import type { Options } from '../src/keyturn'
import { covers } from './covers'
import { makeToken, problem } from './server'
import type { Tab } from './world'
import { World } from './world'

const second = { key: 'k2', kid: '2026-11-b' }

const page = async (world: World, options: Options = {}): Promise<Tab> => {
  const tab = world.browser().open({ streamUrl: null, ...options })
  await world.run(1_000)
  return tab
}

/** Settles a promise that may reject; the error's code then. */
const outcome = async (world: World, work: Promise<unknown>, ms = 60_000): Promise<unknown> => {
  let result: unknown = 'pending'
  work.then((value) => (result = value), (error: { code?: string }) => (result = error.code))
  await world.run(ms)
  return result
}

describe('the refresh endpoint', () => {
  test('is asked by POST, with the session cookie, and a token that is still good as a hint', async () => {
    covers('SEC-06', 'SEC-01')
    const world = new World()
    const seen: Request[] = []
    world.server.refreshScript = (request) => (seen.push(request), null)
    const tab = await page(world)
    const held = await tab.keyturn.getToken()
    await outcome(world, tab.keyturn.refresh())
    expect(seen.map((r) => [r.method, r.url, r.credentials, r.cache])).toEqual(
      [0, 1].map(() => ['POST', 'https://app.example.com/auth/refresh', 'include', 'no-store']),
    )
    expect(seen.map((r) => r.headers.get('authorization'))).toEqual([null, `Bearer ${held}`])
  })

  test('that is busy is waited for, as long as it says and half as much again at most, however often', async () => {
    const world = new World()
    const tab = await page(world)
    const at: number[] = []
    world.server.refreshScript = () => {
      at.push(world.now)
      return at.length < 20 ? problem(429, 'refresh_busy', { retryAfterMs: 2_000 }, { 'retry-after': '9' }) : null
    }
    expect(await outcome(world, tab.keyturn.refresh(), 70_000)).toMatch(/\./)
    expect(at).toHaveLength(20)
    for (let i = 1; i < at.length; i++) {
      const waited = at[i]! - at[i - 1]!
      expect(waited).toBeGreaterThanOrEqual(2_000)
      expect(waited).toBeLessThan(3_000 + 200)
    }
    expect(tab.keyturn.status().counters['manual.failed']).toBeUndefined()
  })

  test('that is busy is believed by its header too', async () => {
    const world = new World()
    const tab = await page(world)
    let asked = 0
    world.server.refreshScript = () => (asked++ ? null : new Response('', { status: 429, headers: { 'retry-after': '7' } }))
    const work = tab.keyturn.refresh()
    await world.run(6_900)
    expect(asked).toBe(1)
    expect(await outcome(world, work, 5_000)).toMatch(/\./)
  })

  test('whose wait outlasts the caller lets the caller go', async () => {
    const world = new World()
    const tab = await page(world)
    world.server.turn(second, { keep: false })
    world.server.refreshScript = () => problem(429, 'refresh_busy', { retryAfterMs: 10_000 })
    const ended = new AbortController()
    const call = tab.api('/reports', { signal: ended.signal })
    await world.run(30_000)
    ended.abort(new Error('enough'))
    await expect(call).rejects.toThrow('enough')
  })

  test('that fails three times is a failure: said, counted, reported on the connection, and the caller gets its own answer', async () => {
    covers('REF-11', 'RET-03')
    const world = new World()
    const tab = world.browser().open()
    await world.run(1_000)
    const failed: unknown[] = []
    tab.keyturn.on('failed', (news) => failed.push(news))
    world.server.turn(second, { keep: false, silent: true })
    const before = tab.refreshes
    world.server.refreshScript = () => new Response('oops', { status: 500 })
    const response = await outcome(world, tab.api(), 20_000) as Response
    expect([response.status, response.bodyUsed]).toEqual([401, false])
    expect(tab.refreshes - before).toBe(3)
    expect(failed).toEqual([{ trigger: '401', code: 'refresh_failed', reason: 'status_500' }])
    expect(tab.socket.sent.at(-1)).toEqual({ type: 'failed', code: 'status_500' })
    expect(tab.keyturn.status().counters).toMatchObject({ '401.started': 1, '401.failed': 1, failures: 1 })
    expect(tab.said('🔄 JWT refresh (401): refresh token: the endpoint answered status_500')).toBe(1)
    expect(tab.keyturn.status().token).not.toBeNull()
  })

  test.each<[string, () => Response | Promise<Response>]>([
    ['503', () => new Response('', { status: 503 })],
    ['no network', () => Promise.reject(new TypeError('Failed to fetch'))],
    ['HTML', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['null', () => Response.json(null)],
    ['no token', () => Response.json({ expires_in: 900 })],
    ['no readable token', () => Response.json({ access_token: 'opaque', expires_in: 900 })],
    ['a key that is no text', () => Response.json({ access_token: makeToken({}, { sub: 'a' }), key: {} })],
  ])('answering %s once is asked again', async (_, answer) => {
    const world = new World()
    const tab = await page(world)
    let asked = 0
    world.server.refreshScript = () => (asked++ ? null : answer())
    expect(await outcome(world, tab.keyturn.refresh(), 10_000)).toMatch(/\./)
    expect(asked).toBe(2)
  })

  test('that never answers is given up after ten seconds, three times', async () => {
    covers('REF-11')
    const world = new World()
    const tab = await page(world)
    world.server.refreshScript = () => new Promise(() => {})
    expect(await outcome(world, tab.keyturn.refresh(), 29_000)).toBe('pending')
    const again = tab.keyturn.refresh()
    expect(await outcome(world, again, 10_000)).toBe('refresh_failed')
  })

  test.each([[400, 'malformed'], [403, 'origin_refused'], [404, 'not_found']])('answering %i is not asked again', async (status, code) => {
    covers('LOOP-12')
    const world = new World()
    const tab = await page(world)
    world.server.refreshScript = () => problem(status, code)
    const before = tab.refreshes
    expect(await outcome(world, tab.keyturn.refresh())).toBe('refresh_failed')
    expect(tab.refreshes - before).toBe(1)
    expect(tab.keyturn.status().token).not.toBeNull()
  })

  test('that fails for an event or an expiry is tried again later, ever further apart', async () => {
    covers('RET-03')
    const world = new World()
    const tab = world.browser().open()
    await world.run(1_000)
    world.server.refreshScript = () => new Response('', { status: 500 })
    world.server.plan = { afterMs: 0, windowMs: 0 }
    world.server.turn(second)
    await world.run(300_000)
    const tries = tab.keyturn.status().counters['event.failed']!
    expect(tries).toBeGreaterThan(2)
    expect(tries).toBeLessThan(15)
    world.server.refreshScript = () => null
    await world.run(310_000)
    expect(tab.keyturn.status().token?.key).toBe('k2')
  })

  test('that fails while the token is still good is not asked again by each call, only by the plan', async () => {
    covers('REF-12')
    const world = new World()
    world.server.lifeMs = 120_000
    const tab = world.browser().open({ streamUrl: null })
    await world.run(1_000)
    world.server.refreshScript = () => problem(404, 'not_found')
    await world.run(65_000)
    const before = tab.refreshes
    for (let i = 0; i < 40; i++) {
      await world.run(900)
      expect(await outcome(world, tab.api(), 100)).toMatchObject({ status: 200 })
    }
    expect(tab.refreshes - before).toBeLessThan(5)
  })

  test('is asked before the plan has it where the app wants more life of a token', async () => {
    const world = new World()
    const tab = world.browser().open({ streamUrl: null, settings: { refreshThreshold: 420_000 } })
    await world.run(500_000)
    expect(tab.refreshes).toBe(1)
    await outcome(world, tab.api(), 1_000)
    expect(tab.refreshes).toBe(2)
  })

  test('out of order at the start: the page works without a token, and gets one with the next call', async () => {
    covers('ACC-7')
    const world = new World()
    world.server.refreshScript = () => new Response('', { status: 500 })
    const tab = world.browser().open()
    expect(((await outcome(world, tab.api(), 20_000)) as Response).status).toBe(401)
    world.server.refreshScript = () => null
    expect(((await outcome(world, tab.api(), 20_000)) as Response).status).toBe(200)
  })

  test('elsewhere is used as configured, and logout beside it', async () => {
    const world = new World()
    const seen: string[] = []
    world.server.refreshScript = (request) => (seen.push(request.url), null)
    const tab = await page(world, { refreshUrl: 'https://login.example.com/auth/refresh' })
    expect(seen).toEqual(['https://login.example.com/auth/refresh'])
    await outcome(world, tab.keyturn.logout())
    expect(tab.calls.at(-1)).toBe('POST /auth/logout')
  })
})

describe('a manual page', () => {
  test('asks nobody until it is configured, then the app’s own functions only', async () => {
    covers('API-15')
    const world = new World()
    const tab = await page(world, { manual: true, streamUrl: 'wss://keys.example.com/v1/stream' })
    expect([tab.calls, tab.sockets.length, await tab.keyturn.getToken()]).toEqual([[], 0, null])
    let current = world.server.token('alice')
    const first = current
    tab.keyturn.configure({
      getToken: () => current,
      refresh: async () => (current = world.server.token('alice')),
    })
    await world.run(1_000)
    expect(await tab.keyturn.getToken()).toBe(first)
    expect(tab.keyturn.status()).toMatchObject({ socket: 'open', token: { key: 'k1' } })
    world.server.turn(second)
    await world.run(126_000)
    expect(tab.keyturn.status().token).toMatchObject(second)
    expect(await tab.keyturn.getToken()).toBe(current)
    expect(tab.calls).toEqual([])
  })

  test('whose app signs out or refreshes by itself is followed', async () => {
    const world = new World()
    let current: string | null = world.server.token('alice')
    const tab = await page(world, { manual: true, settings: { getToken: () => current, refresh: () => Promise.reject(new Error('no')) } })
    await world.run(5_000)
    world.server.turn(second, { keep: false })
    current = world.server.token('alice')
    expect(((await outcome(world, tab.api(), 1_000)) as Response).status).toBe(200)
    current = null
    expect(((await outcome(world, tab.api(), 1_000)) as Response).status).toBe(401)
    expect(tab.keyturn.status().token).toBeNull()
  })

  test('whose refresh never ends is given up', async () => {
    const world = new World()
    const tab = await page(world, { manual: true, settings: { getToken: () => world.server.token('alice'), refresh: () => new Promise(() => {}) } })
    expect(await outcome(world, tab.keyturn.refresh(), 40_000)).toBe('refresh_failed')
  })

  test('may tell life, key and kid of a token that names none', async () => {
    const world = new World()
    const bare = (): string => makeToken({}, { sub: 'alice', iat: world.now / 1000 })
    const tab = await page(world, {
      manual: true, settings: { refresh: async () => ({ token: bare(), expiresIn: 100, key: 'k1', kid: 'x' }) },
    })
    await outcome(world, tab.keyturn.refresh(), 100)
    expect(tab.keyturn.status().token).toMatchObject({ key: 'k1', kid: 'x' })
    expect(tab.keyturn.status().token!.leftMs).toBeGreaterThan(99_000)
  })
})

test('unknown settings are refused by name, endpoints and origins among them', async () => {
  covers('API-06')
  const tab = await page(new World())
  for (const name of ['refreshUrl', 'origins', 'streamUrl', 'ring', 'endpoint']) {
    expect(() => tab.keyturn.configure({ [name]: 'x' })).toThrow(`${name} is fixed once the client runs`)
  }
  expect(() => tab.keyturn.configure({ toString: 'x' } as object)).toThrow('there is no setting toString')
  expect(Object.isFrozen(tab.keyturn)).toBe(true)
})

test('ten waiters share one attempt, and what becomes of it', async () => {
  covers('REF-04')
  const world = new World()
  const tab = await page(world)
  const all = Promise.all(Array.from({ length: 10 }, () => tab.keyturn.refresh()))
  const tokens = (await outcome(world, all)) as string[]
  expect(new Set(tokens).size).toBe(1)
  expect(tab.refreshes).toBe(2)
  world.server.refreshScript = () => new Response('', { status: 500 })
  const failing = Promise.allSettled(Array.from({ length: 10 }, () => tab.keyturn.refresh()))
  const results = (await outcome(world, failing)) as PromiseSettledResult<string>[]
  expect(results.map((r) => r.status)).toEqual(results.map(() => 'rejected'))
  expect(tab.refreshes).toBe(5)
})

test('tokens that are over at receipt are asked for every five seconds, not as fast as the network goes', async () => {
  const world = new World()
  world.server.lifeMs = 0
  const tab = await page(world)
  await world.run(60_000)
  expect(tab.refreshes).toBeGreaterThan(5)
  expect(tab.refreshes).toBeLessThanOrEqual(15)
})

test('a busy server that says zero is given a second', async () => {
  const world = new World()
  world.server.refreshScript = () => problem(429, 'busy', { retryAfterMs: 0 }, { 'retry-after': '0' })
  const tab = await page(world)
  await world.run(9_000)
  expect(tab.refreshes).toBeGreaterThan(3)
  expect(tab.refreshes).toBeLessThanOrEqual(10)
})

test('a reason that is no code reaches neither the console nor the server: its frame would be refused', async () => {
  covers('SEC-05', 'LOG-22')
  const world = new World()
  const tab = world.browser().open()
  await world.run(1_000)
  world.server.refreshScript = () => problem(400, `<b>${'x'.repeat(80)}`)
  expect(await outcome(world, tab.keyturn.refresh())).toBe('refresh_failed')
  expect(tab.socket.sent.filter((f) => f.type === 'failed')).toEqual([{ type: 'failed', code: 'status_400' }])
  expect(tab.said('xxxx')).toBe(0)
})
