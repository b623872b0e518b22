/** Apps whose tokens no script sees: the server keeps them in a cookie, and tells what they say. */
import type { AxiosResponse } from 'axios'
import axios, { AxiosError } from 'axios'
import { afterEach, expect, test, vi } from 'vitest'
import { installAxios } from '../src/axios'
import type { Event, Model } from '../src/connection'
import { Do, On, Timer, initial, step } from '../src/connection'
import { granted } from '../src/endpoint'
import { createManager } from '../src/manager'
import { cookieWorld, jars } from './cookieworld'
import { covers } from './covers'
import { problem } from './server'
import type { FakeSocket } from './wires'
import type { Tab, World } from './world'

const second = { key: 'k2', kid: '2026-11-b' }

async function opened(world: World, browser = world.browser(), options = {}): Promise<Tab> {
  const tab = browser.open(options)
  await world.run(1_000)
  return tab
}

/** Which of a tab's sockets, counted from 1, are not closed. */
const live = (tab: Tab): number[] => tab.sockets.flatMap((s, i) => (s.state === 'closed' ? [] : [i + 1]))

afterEach(() => vi.restoreAllMocks())

test('the console knows what the token says, and nobody gets the token', async () => {
  covers('API-01', 'API-12', 'SEC-01')
  const world = cookieWorld()
  const tab = await opened(world)
  const manager = createManager(tab.keyturn, { check: false })
  expect(await tab.keyturn.getToken()).toBeNull()
  expect([await manager.getCurrentToken(), await manager.getCurrentToken()]).toEqual([null, null])
  expect(tab.said('the app keeps it in a cookie that no script can read')).toBe(1)
  const jar = jars.get(tab.browser)!
  const iat = Math.floor((world.now - 1_000) / 1000)
  expect(manager.getTokenInfo()).toMatchObject({ length: jar.length, kid: '2026-10-a', key: 'k1', iat, exp: iat + 900 })
  expect(manager.decodeToken()).toMatchObject({ header: { kid: '2026-10-a' }, payload: { sub: 'alice', roles: ['user'], iat, exp: iat + 900 } })
  expect(manager.getTokenStats()).toEqual(manager.decodeToken())
  ;(manager.decodeToken()!.payload.roles as string[]).push('admin')
  expect(manager.decodeToken()!.payload.roles).toEqual(['user'])
  expect(manager.decodeToken(jar)).toMatchObject({ header: { alg: 'HS256' }, payload: { sub: 'alice' } })
  expect(await manager.ensureValidToken()).toEqual({ valid: true, token: null, expiresIn: 899 })
  const work = manager.handleJWTValidationError(new Error('JWT verification failed'))
  const asked = tab.keyturn.refresh()
  await world.run(2_000)
  expect([await work, await asked]).toEqual([{ success: true, retry: true, token: null }, ''])
  const shown = JSON.stringify([tab.lines, manager.getDebugInfo(), [...tab.session.items], [...tab.browser.local.items], tab.sockets.flatMap((s) => s.sent)])
  expect(shown).not.toMatch(/eyJ/)
})

test('requests to the configured origins go with cookies and without a header; others, and those with credentials of their own, as they were', async () => {
  covers('OAU-16')
  const world = cookieWorld()
  const tab = await opened(world)
  const calls = async (...all: Promise<Response>[]): Promise<number[]> => {
    await world.run(1_000)
    return (await Promise.all(all)).map((r) => r.status)
  }
  const from = tab.calls.length
  expect(await calls(
    tab.api(), tab.api('/reports', { method: 'POST', body: 'x', credentials: 'omit' }),
    tab.keyturn.fetch(new Request('https://api.example.com/reports', { method: 'PUT', body: new Blob(['y']) })),
  )).toEqual([200, 200, 200])
  expect(world.server.seen.map(({ sub, body }) => [sub, body])).toEqual([['alice', ''], ['alice', 'x'], ['alice', 'y']])
  void tab.keyturn.fetch('https://elsewhere.example.com/reports')
  void tab.api('/reports', { headers: { authorization: 'Basic YTpi' } })
  void tab.keyturn.fetch('/auth/refresh', { method: 'POST' })
  await world.run(1_000)
  expect(tab.calls.slice(from).filter((c) => c.startsWith('credentials'))).toEqual([
    ...Array(3).fill('credentials include /reports no header'),
    'credentials same-origin /reports no header', 'credentials same-origin /auth/refresh no header', 'credentials same-origin /reports Basic YTpi',
  ])
})

test('an axios instance sends its requests with cookies, and others as they were', async () => {
  const world = cookieWorld()
  const tab = await opened(world)
  const sent: [string, boolean | undefined, unknown][] = []
  const instance = axios.create({
    baseURL: 'https://api.example.com',
    adapter: async (config) => {
      sent.push([`${config.baseURL ?? ''}${config.url}`, config.withCredentials, config.headers.get('authorization')])
      const status = config.url === '/reports' && sent.filter(([url]) => url.endsWith('/reports')).length === 1 ? 401 : 200
      const response = { data: '', status, statusText: '', headers: {}, config } as AxiosResponse
      if (status === 401) throw new AxiosError('refused', 'ERR_BAD_REQUEST', config, null, response)
      return response
    },
  })
  installAxios(tab.keyturn, instance)
  const work = Promise.all([instance.get('/reports'), instance.get('/x', { baseURL: 'https://elsewhere.example.com', withCredentials: false })])
  await world.run(2_000)
  expect((await work).map((r) => r.status)).toEqual([200, 200])
  expect(sent.map(([url, cookies, header]) => [url, cookies, header ?? null]).sort()).toEqual([
    ['https://api.example.com/reports', true, null], ['https://api.example.com/reports', true, null], ['https://elsewhere.example.com/x', false, null],
  ])
  expect(tab.refreshes).toBe(2)
})

test('a refused request is refreshed and replayed once, its body with it', async () => {
  const world = cookieWorld()
  const tab = await opened(world, undefined, { streamUrl: null })
  world.server.turn(second, { keep: false, silent: true })
  const work = [tab.api(), tab.api('/reports', { method: 'POST', body: JSON.stringify({ a: 1 }) })]
  await world.run(2_000)
  expect((await Promise.all(work)).map((r) => r.status)).toEqual([200, 200])
  expect(world.server.seen.map(({ status, body }) => [status, body])).toEqual([[401, ''], [401, '{"a":1}'], [200, ''], [200, '{"a":1}']])
  expect([tab.refreshes, tab.keyturn.status().token!.kid]).toEqual([2, second.kid])
})

test('a role that came with the refresh is known, and a 403 is refreshed for once per claims', async () => {
  const world = cookieWorld()
  const tab = await opened(world)
  const ask = async (): Promise<number> => {
    const work = tab.api('/admin')
    await world.run(2_000)
    return (await work).status
  }
  expect([await ask(), await ask(), tab.refreshes]).toEqual([403, 403, 2])
  world.server.roles = ['user', 'admin']
  world.server.broadcast({ type: 'claims', afterMs: 0, windowMs: 1_000 })
  await world.run(3_000)
  expect(tab.refreshes).toBe(3)
  expect([await ask(), tab.refreshes]).toEqual([200, 3])
})

test('after each refresh the connection is replaced before it is closed, and hears what the old one heard', async () => {
  const world = cookieWorld()
  const tab = await opened(world)
  expect(tab.sockets.length).toBe(1)
  const [old] = tab.sockets
  expect(old!.sent).toEqual([{ type: 'auth' }])
  world.server.turn(second)
  let without = 0
  tab.keyturn.on('socket', ({ state }) => { if (state !== 'open') without++ })
  await world.run(130_000)
  expect(tab.keyturn.status()).toMatchObject({ socket: 'open', kid: second.kid, token: { kid: second.kid } })
  expect(tab.refreshes).toBe(2)
  expect([tab.sockets.length, live(tab), old!.closedWith, without]).toEqual([2, [2], 1000, 0])
  expect(tab.socket.sent).toEqual([{ type: 'auth' }])
  expect(world.server.sockets.size).toBe(1)
  world.server.turn({ key: 'k3', kid: '2026-12-c' })
  await world.run(130_000)
  expect(tab.sockets.length).toBe(3)
  expect(tab.keyturn.status()).toMatchObject({ socket: 'open', token: { kid: '2026-12-c' } })
})

test('a replacement that does not get through is tried again, while the old connection stays', async () => {
  const world = cookieWorld()
  const tab = await opened(world)
  world.server.blocked = true
  const work = tab.keyturn.refresh()
  await world.run(5_000)
  await work
  expect([tab.sockets.length, live(tab)]).toEqual([2, [1]])
  world.server.blocked = false
  await world.run(20_000)
  expect([tab.sockets.length, live(tab), tab.keyturn.status().socket]).toEqual([3, [3], 'open'])
})

test('a stream that gets no cookie is tried again now and then, and costs no refresh', async () => {
  covers('EDGE-14')
  const world = cookieWorld()
  const { server } = world
  const connect = server.connect
  server.connect = (socket: FakeSocket) => {
    const jar = jars.get(socket.tab.browser)!
    jars.delete(socket.tab.browser)
    connect(socket)
    jars.set(socket.tab.browser, jar)
  }
  const tab = await opened(world)
  await world.run(120_000)
  expect(tab.refreshes).toBe(1)
  expect(tab.sockets.length).toBeGreaterThan(2)
  expect(tab.sockets.length).toBeLessThan(9)
  expect(tab.said('the stream gets no cookie')).toBeGreaterThan(0)
  server.turn(second, { keep: false, silent: true })
  const work = tab.api()
  await world.run(2_000)
  expect([(await work).status, tab.refreshes]).toEqual([200, 2])
})

test('a token that ended while the machine slept is refreshed, not tried without a cookie', async () => {
  const world = cookieWorld()
  const tab = await opened(world)
  await world.sleep(1_800_000, tab.browser)
  jars.delete(tab.browser)
  await world.run(60_000)
  expect(tab.keyturn.status()).toMatchObject({ socket: 'open', token: { kid: '2026-10-a' } })
  expect(tab.refreshes).toBe(2)
})

test('eight tabs: one refresh, and what is told among them is no token', async () => {
  covers('REF-14')
  const world = cookieWorld()
  const browser = world.browser()
  const tabs = Array.from({ length: 8 }, () => browser.open())
  const heard: unknown[] = []
  const name = [...browser.channels.keys()][0]!
  browser.channels.get(name)!.push({ tab: tabs[0]!, port: { postMessage: () => {}, onmessage: ({ data }) => heard.push(data) } })
  await world.run(3_000)
  const before = world.server.issued
  world.server.turn(second)
  await world.run(130_000)
  expect(world.server.issued - before).toBe(1)
  for (const tab of tabs) {
    expect(tab.keyturn.status()).toMatchObject({ socket: 'open', token: { kid: second.kid, length: jars.get(browser)!.length } })
    expect(live(tab).length).toBe(1)
  }
  expect(heard.length).toBeGreaterThan(0)
  expect(JSON.stringify(heard)).not.toMatch(/eyJ|c2lnbmF0dXJl/)
})

test('another user in one tab is another user in all: nothing of the first goes out in the name of the second', async () => {
  covers('SEC-07')
  const world = cookieWorld()
  const browser = world.browser()
  const [one, two] = [await opened(world, browser), await opened(world, browser)]
  world.server.turn(second, { keep: false, silent: true })
  world.server.refreshScript = () => new Promise(() => {})
  const waiting = one.api('/reports', { method: 'POST', body: 'of alice' })
  await world.run(500)
  world.server.refreshScript = () => null
  await browser.locks.request('keyturn:payments', { steal: true }, () => Promise.resolve())
  browser.cookie = 'bob'
  const work = two.keyturn.signedIn()
  await world.run(3_000)
  await work
  await world.run(20_000)
  expect([(await waiting).status]).toEqual([401])
  for (const tab of [one, two]) {
    expect(createManager(tab.keyturn, { check: false }).decodeToken()!.payload.sub).toBe('bob')
    expect(tab.keyturn.status().socket).toBe('open')
    expect(live(tab).length).toBe(1)
  }
  expect(world.server.seen.filter((s) => s.body === 'of alice').map((s) => s.sub)).toEqual(['alice'])
})

test('an idle tab follows the cookie to its new user by the news of a sibling alone', async () => {
  const world = cookieWorld()
  const browser = world.browser()
  const [one, two] = [await opened(world, browser), await opened(world, browser)]
  browser.cookie = 'bob'
  const work = two.keyturn.signedIn()
  await world.run(3_000)
  await work
  expect(createManager(one.keyturn, { check: false }).decodeToken()!.payload.sub).toBe('bob')
  expect([one.refreshes, one.keyturn.status().socket, live(one).length]).toEqual([1, 'open', 1])
})

test('an older story of a sibling, of whoever it is, changes nothing', async () => {
  const world = cookieWorld()
  const browser = world.browser()
  const tab = await opened(world, browser)
  const port = browser.channels.get('keyturn:payments')![0]!.port
  const now = tab.keyturn.status().token!
  for (const [says, wallAt] of [
    [{ sub: 'bob', iss: 'x', iat: now.iat! - 100, exp: 2e9 }, world.now], [{ sub: 'alice', iss: 'https://auth.example.com', iat: now.iat, exp: now.exp }, 5],
    [undefined, world.now + 9e5], ['eyJ', world.now + 9e5], [[], world.now + 9e5],
  ] as const) {
    port.onmessage!({ data: { wallAt, token: '', says, iat: 0 } })
  }
  expect(tab.keyturn.status().token).toEqual({ ...now, leftMs: expect.any(Number) })
  expect(tab.said('adopted')).toBe(0)
})

test('after a logout no news of before brings the user back, in any tab', async () => {
  const world = cookieWorld()
  const browser = world.browser()
  const [one, two] = [await opened(world, browser), await opened(world, browser)]
  const port = browser.channels.get('keyturn:payments')![1]!.port
  const news = { wallAt: world.now, iat: 1, token: '', kid: 'x', says: { sub: 'alice', iss: 'https://auth.example.com', iat: Math.floor(world.now / 1000), exp: 2e9 } }
  const work = one.keyturn.logout()
  await world.run(1_000)
  await work
  port.onmessage!({ data: news })
  await world.run(1_000)
  for (const tab of [one, two]) expect([tab.keyturn.status().token, tab.keyturn.status().socket]).toEqual([null, 'idle'])
})

test('a public stream is left alone with each refresh', async () => {
  const world = cookieWorld()
  const tab = await opened(world, undefined, { public: true, streamUrl: '/v1/stream?public' })
  const work = tab.keyturn.refresh()
  await world.run(5_000)
  await work
  expect([tab.sockets.length, tab.socket.sent]).toEqual([1, []])
})

test.each<[string, unknown, string | undefined]>([
  ['claims', { claims: { sub: 'a', iat: 1, exp: 2 }, kid: 'k', expires_in: 60 }, undefined],
  ['claims without any of the registered', { claims: {} }, undefined],
  ['neither token nor claims', { kid: 'k', expires_in: 60 }, 'unreadable_token'],
  ['claims that are a list', { claims: [] }, 'unreadable_token'],
  ['claims that are text', { claims: '{"sub":"a"}' }, 'unreadable_token'],
  ['claims with a subject that is none', { claims: { sub: 7 } }, 'unreadable_token'],
  ['a token that is none, claims beside', { access_token: 'x', claims: { sub: 'a' } }, 'unreadable_token'],
])('an answer with %s', (_name, body, code) => {
  expect(granted(body).code).toBe(code)
  if (!code) expect(granted(body).answer!.token).toBe('')
})

/** Runs events through the machine of connections. */
function run(...events: Event[]): { m: Model; opened: number[]; closed: number[] } {
  let m = initial
  const did: [Do, number][] = []
  for (const event of events) {
    const [next, effects] = step(m, event, 0.5)
    m = next
    did.push(...effects.map(([act, id]) => [act, id] as [Do, number]))
  }
  return { m, opened: did.filter(([act]) => act === Do.open).map(([, id]) => id), closed: did.filter(([act]) => act === Do.close).map(([, id]) => id) }
}

const welcome = { type: 'welcome', key: 'k', kid: 'k', stale: false, ttlMs: 1, beaconMs: 20_000, nowMs: 1 } as const
const up: Event[] = [[On.wanted], [On.opened, 1, true], [On.frame, 1, welcome]]

test.each<[string, Event[], { main: number; next: number; opened: number[]; closed: number[] }]>([
  ['is replaced', [[On.outgrown, 1]], { main: 1, next: 2, opened: [1, 2], closed: [] }],
  ['is closed when its replacement is welcome', [[On.outgrown, 1], [On.frame, 2, welcome]], { main: 2, next: 0, opened: [1, 2], closed: [1] }],
  ['is replaced once, however often it is said', [[On.outgrown, 1], [On.outgrown, 1]], { main: 1, next: 2, opened: [1, 2], closed: [] }],
  ['whose replacement is outgrown, too, gets another', [[On.outgrown, 1], [On.outgrown, 2]], { main: 1, next: 3, opened: [1, 2, 3], closed: [2] }],
  ['that is forgotten is not replaced', [[On.outgrown, 7]], { main: 1, next: 0, opened: [1], closed: [] }],
  ['that is lost leaves its place to the replacement', [[On.outgrown, 1], [On.closed, 1, 4401]], { main: 2, next: 0, opened: [1, 2], closed: [] }],
  ['gets another replacement after a while', [[On.outgrown, 1], [On.closed, 2, 1006], [On.timer, Timer.drain]], { main: 1, next: 3, opened: [1, 2, 3], closed: [] }],
  ['gets another one in place of a slow one', [[On.outgrown, 1], [On.timer, Timer.standby], [On.timer, Timer.drain]], { main: 1, next: 3, opened: [1, 2, 3], closed: [2] }],
])('an outgrown connection %s', (_name, events, want) => {
  const { m, opened: did, closed } = run(...up, ...events)
  expect({ main: m.main, next: m.next, opened: did, closed }).toEqual(want)
})

test('a refusal without a session is what it was: the user is gone', async () => {
  const world = cookieWorld()
  const tab = await opened(world)
  world.server.refreshScript = () => problem(401, 'session_ended')
  const work = tab.keyturn.refresh().catch((e: Error) => e.name)
  await world.run(1_000)
  expect([await work, tab.keyturn.status().token, tab.keyturn.status().socket]).toEqual(['KeyturnError', null, 'idle'])
})
