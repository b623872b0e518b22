import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Episode } from '../src/episodes'
import { readProblem } from '../src/problem'
import { speaksOfToken } from '../src/words'
import { covers } from './covers'
import { problem } from './server'
import type { Tab } from './world'
import { World } from './world'

const second = { key: 'k2', kid: '2026-11-b' }

/** A page that is signed in and hears nothing of the server. */
async function page(world: World): Promise<Tab> {
  const tab = world.browser().open({ streamUrl: null })
  await world.run(1_000)
  return tab
}

async function settled<T>(world: World, call: Promise<T>, ms = 60_000): Promise<T> {
  call.catch(() => {})
  await world.run(ms)
  return call
}

const says = (status: number, body: unknown, type = 'application/json'): Response =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers: { 'content-type': type } })

describe('an error text', () => {
  test.each<[string, boolean]>([
    ['JWT verification failed', true],
    ['jwt token could not be verified', true],
    ['Signature verification failed', true],
    ['Tool call failed: the TOKEN has expired.', true],
    ['invalid_token', false],
    ['tokenizer failed', false],
    ['csrf token missing', false],
    ['XSRF-Token mismatch, invalid token', false],
    ['designature', false],
    ['You do not have the role', false],
    ['', false],
  ])('%j speaks of the token: %s', (text, expected) => {
    covers('DET-05')
    expect(speaksOfToken(text, null)).toBe(expected)
  })

  test('speaks of what the app has named, phrases and signs included, and of nothing where nothing is named', () => {
    covers('DET-05')
    const words = ['kein Zugriff', 'a+b (c)', 'jwt']
    expect(['Fehler: Kein Zugriff.', 'x a+b (c) y', 'JWT!', 'token', 'aab c', 'kein  Zugriff'].map((text) => speaksOfToken(text, words)))
      .toEqual([true, true, true, false, false, false])
    expect([speaksOfToken('jwt', []), speaksOfToken('jwt', [''])]).toEqual([false, false])
  })

  test.each<[string, Response, string]>([
    ['detail', says(403, { detail: 'needs admin', message: 'x' }), 'needs admin'],
    ['message', says(403, { message: 'JWT verification failed' }), 'JWT verification failed'],
    ['plain text', says(403, 'Signature verification failed', 'text/plain; charset=utf-8'), 'Signature verification failed'],
    ['an error of JSON-RPC', says(200, { error: { code: -32001, message: 'JWT verification failed' } }), 'JWT verification failed'],
    ['errors of GraphQL', says(200, { data: null, errors: [{ message: 'bad signature' }] }), 'bad signature'],
    ['a tool call', says(200, { result: { isError: true, content: [{ type: 'text', text: 'jwt expired' }] } }), 'jwt expired'],
    ['a good answer that has a message', says(200, { message: 'your token', detail: 'token' }), ''],
    ['a good tool call', says(200, { result: { content: [{ type: 'text', text: 'token' }] } }), ''],
    ['markup', says(403, '<b>JWT</b>', 'text/html'), ''],
    ['a stream of events', says(200, 'data: jwt', 'text/event-stream'), ''],
    ['what is too long', says(403, { message: 'x'.repeat(20_000) }), ''],
    ['a token in it', says(403, { message: `bad ${'a'.repeat(20)}.${'b'.repeat(20)}.${'c'.repeat(20)} here` }), 'bad … here'],
  ])('is read from %s', async (_, response, expected) => {
    expect((await readProblem(response)).message).toBe(expected)
    expect(response.bodyUsed).toBe(false)
  })

  test('that is too long is let go of after its first part, and the answer stays whole', async () => {
    let parts = 0
    const endless = new ReadableStream({ pull: (stream) => void (parts++ < 50 ? stream.enqueue(new Uint8Array(4096)) : stream.close()) })
    const response = new Response(endless, { status: 403, headers: { 'content-type': 'text/plain' } })
    expect((await readProblem(response)).message).toBe('')
    expect(parts).toBeLessThan(10)
    expect((await response.arrayBuffer()).byteLength).toBe(50 * 4096)
  })
})

test.each([[401, 'application/json', '{"code"'], [200, 'text/plain', 'first words of a long talk']])('a %i of %s that does not end is looked at for a second, and stays whole', async (status, type, start) => {
  covers('RET-06')
  const world = new World()
  const tab = await page(world)
  tab.keyturn.configure({ authWords: ['jwt'] })
  let more!: ReadableStreamDefaultController
  const body = (): ReadableStream => new ReadableStream({ start: (c) => (more = c).enqueue(new TextEncoder().encode(start)) })
  world.server.apiScript = () => new Response(body(), { status, headers: { 'content-type': type } })
  let got: Response | null = null
  void tab.api().then((response) => (got = response))
  await world.run(5_000)
  expect(got!.status).toBe(status)
  more.enqueue(new TextEncoder().encode('…'))
  more.close()
  expect(await got!.text()).toBe(`${start}…`)
})

describe('words decide', () => {
  test('about a 403 that says nothing else: of the token it is as a 401, whatever is set for 403s', async () => {
    covers('DET-05')
    const world = new World()
    const tab = await page(world)
    tab.keyturn.configure({ refreshOn403: 'never' })
    let n = 0
    world.server.apiScript = () => (n++ ? null : says(403, { error: 'JWT verification failed' }))
    expect((await settled(world, tab.api('/tools', { method: 'POST', body: 'x' }))).status).toBe(200)
    expect([tab.refreshes, tab.said('Waiting')]).toEqual([2, 0])
  })

  test('once under the same claims: where they mislead, one refresh', async () => {
    const world = new World()
    const tab = await page(world)
    world.server.apiScript = () => says(403, { error: 'the token of this lottery has been drawn' })
    for (let i = 0; i < 5; i++) expect((await settled(world, tab.api())).status).toBe(403)
    expect([tab.refreshes, tab.said('user lacks permission')]).toEqual([2, 4])
  })

  test('nothing about a 403 that names its reason, nor about request forgery', async () => {
    const world = new World()
    const tab = await page(world)
    tab.keyturn.configure({ refreshOn403: 'never' })
    for (const answer of [problem(403, 'quota', { detail: 'token bucket empty' }), says(403, { detail: 'csrf token missing' })]) {
      world.server.apiScript = () => answer.clone()
      expect((await settled(world, tab.api())).status).toBe(403)
    }
    expect([tab.refreshes, world.server.seen.length]).toEqual([1, 2])
  })

  test('about a good answer only where the app has named them', async () => {
    covers('DET-05', 'RET-06')
    const world = new World()
    const tab = await page(world)
    const failed = { error: { message: 'JWT verification failed' } }
    let left = 1
    world.server.apiScript = () => (left-- > 0 ? says(200, failed) : null)
    expect(await (await settled(world, tab.api())).json()).toEqual(failed)
    expect(tab.refreshes).toBe(1)
    tab.keyturn.configure({ authWords: ['jwt verification failed'] })
    left = 1
    expect(await (await settled(world, tab.api('/tools', { method: 'POST', body: 'x' }))).json()).toEqual({ ok: true, key: 'k1' })
    expect(tab.refreshes).toBe(2)
    left = 99
    const last = await settled(world, tab.api())
    expect([last.bodyUsed, await last.json(), world.server.seen.length]).toEqual([false, failed, 4])
    expect(tab.said('Already attempted') + tab.said('user lacks permission')).toBeGreaterThan(0)
  })

  test.each([400, 404, 409, 429, 500])('nothing about a %i, whatever it says', async (status) => {
    covers('DET-04')
    const world = new World()
    const tab = await page(world)
    tab.keyturn.configure({ authWords: ['jwt'] })
    world.server.apiScript = () => says(status, { error: 'jwt' })
    expect((await settled(world, tab.api())).status).toBe(status)
    expect([tab.refreshes, world.server.seen.length]).toEqual([1, 1])
  })
})

describe('each guard has a line of its own', () => {
  const denied = (): Response => problem(403, 'role_missing', { detail: 'needs admin' })
  const refused = (): Response => problem(401, 'signature_invalid')
  const stream = (): RequestInit => ({ method: 'POST', body: new Blob(['x']).stream(), duplex: 'half' } as RequestInit)

  const call = (world: World, tab: Tab, ms?: number): Promise<Response> => settled(world, tab.api(), ms)
  test.each<[string, string, (world: World, tab: Tab) => Promise<unknown>]>([
    ['attempted', '[fetchWithAuth] Already attempted refresh for this request', (world, tab) => {
      world.server.apiScript = refused
      return call(world, tab)
    }],
    ['claims', '[fetchWithAuth] Token already refreshed, still 403 - user lacks permission', async (world, tab) => {
      world.server.apiScript = denied
      for (let i = 0; i < 2; i++) await call(world, tab)
    }],
    ['inflight', '[fetchWithAuth] Token refresh redirect already in progress', (world, tab) => {
      world.server.apiScript = denied
      return settled(world, Promise.all([tab.api(), tab.api()]))
    }],
    ['budget', '[fetchWithAuth] Error during refresh: three refreshes after failures within five minutes', async (world, tab) => {
      let n = 0
      world.server.apiScript = () => (n++ % 2 ? Response.json({}) : refused())
      for (let i = 0; i < 4; i++) await call(world, tab, 1_000)
    }],
    ['breaker', '[fetchWithAuth] Error during refresh: new tokens are being refused', async (world, tab) => {
      world.server.apiScript = refused
      for (let i = 0; i < 3; i++) await call(world, tab, 1_000)
    }],
    ['stream', '[fetchWithAuth] A streamed body can only be sent once, not retrying', (world, tab) => {
      world.server.apiScript = refused
      return settled(world, tab.api('/reports', stream()))
    }],
    ['off', '[fetchWithAuth] Automatic refresh is off (autoRefreshOnError)', (world, tab) => {
      tab.keyturn.configure({ autoRefreshOnError: false })
      world.server.apiScript = refused
      return call(world, tab)
    }],
  ])('%s', async (layer, line, act) => {
    covers('LOOP-13')
    const world = new World()
    const tab = await page(world)
    await act(world, tab)
    expect(tab.said(`🔄 ${line}`)).toBe(1)
    const { counters } = tab.keyturn.status()
    expect(counters[`blocked.${layer}`]).toBe(1)
  })

  test('and a lasting refusal is told as one: what the server said, for people', async () => {
    covers('LOOP-08')
    const world = new World()
    const tab = await page(world)
    world.server.apiScript = denied
    const episodes: Episode[] = []
    tab.keyturn.on('episode', (episode) => episodes.push(episode))
    expect((await settled(world, tab.api())).status).toBe(403)
    expect(episodes.at(-1)).toMatchObject({ phase: 'denied', message: 'needs admin' })
  })

  test('a recovered call is told as one', async () => {
    const world = new World()
    const tab = await page(world)
    const phases: string[] = []
    tab.keyturn.on('episode', ({ phase }) => phases.push(phase))
    world.server.turn(second, { keep: false })
    await settled(world, tab.api())
    expect(phases).toEqual(['open', 'recovered'])
  })
})

describe('the console says, word for word and findable by 🔄,', () => {
  const forbidden = (): Response => problem(403, 'role_missing')
  test.each<[string, string[], number, (world: World, tab: Tab) => Promise<unknown>]>([
    ['LOG-01', ['Got 403 Forbidden, user may need permission refresh'], 2, (world, tab) => settled(world, tab.api())],
    ['LOG-02', ['First 403, attempting token refresh'], 1, (world, tab) => settled(world, tab.api())],
    ['LOG-03', ['Waiting 500ms before refresh...'], 1, (world, tab) => settled(world, tab.api())],
    ['LOG-07', ['Already attempted refresh for this request'], 1, (world, tab) => settled(world, tab.api('/x', { _attemptedRefresh: true }))],
    ['LOG-08', ['Token refresh redirect already in progress'], 2, (world, tab) => settled(world, Promise.all([tab.api(), tab.api(), tab.api()]))],
  ])('%s: %s', async (id, [line], times, act) => {
    covers(id)
    const world = new World()
    const tab = await page(world)
    world.server.apiScript = forbidden
    await act(world, tab)
    expect(tab.lines.filter((said) => said === `🔄 [fetchWithAuth] ${line}`)).toHaveLength(times)
  })
})

test('a recovery takes three round trips and 50 ms for the other tabs after a 401, and the delay more after a 403', async () => {
  covers('PERF-02')
  const world = new World()
  const tab = await page(world)
  const took = async (path: string): Promise<number> => {
    const began = world.now
    let ended = 0
    void tab.api(path).then(() => (ended = world.now))
    await world.run(10_000)
    return ended - began
  }
  world.server.turn(second, { keep: false })
  expect(await took('/reports')).toBe(3 * world.server.latencyMs + 50)
  world.server.roles = ['user', 'admin']
  expect(await took('/admin')).toBe(3 * world.server.latencyMs + 50 + 500)
})

describe('automatic refresh off', () => {
  test('a call that was refused under an older token is sent again with the newer: that is no refresh', async () => {
    const world = new World()
    const tab = await page(world)
    tab.keyturn.configure({ autoRefreshOnError: false })
    world.server.turn(second, { keep: false })
    let slow: (() => void) | undefined
    world.server.apiScript = (request) => request.headers.get('x-slow') && !slow
      ? new Promise((resolve) => (slow = () => resolve(problem(401, 'key_retired')))) : null
    const late = tab.api('/reports', { headers: { 'x-slow': '1' } })
    await world.run(100)
    await settled(world, tab.keyturn.refresh(), 1_000)
    slow!()
    expect([(await settled(world, late)).status, tab.refreshes]).toEqual([200, 2])
  })
})

describe('a good request costs', () => {
  afterEach(() => vi.restoreAllMocks())

  const file = (): FormData => {
    const form = new FormData()
    form.set('a', 'b')
    return form
  }
  // A copy of a Request tees its body, and a copy of a Response holds back what is read slower: both are counted.
  test.each<[string, () => RequestInit, number]>([
    ['GET', () => ({}), 0],
    ['DELETE', () => ({ method: 'DELETE' }), 0],
    ['POST of text', () => ({ method: 'POST', body: '{"a":1}' }), 0],
    ['POST of a blob', () => ({ method: 'POST', body: new Blob(['x']) }), 0],
    ['POST of form data, which can change', () => ({ method: 'POST', body: file() }), 1],
    ['POST of bytes, which can change', () => ({ method: 'POST', body: new Uint8Array(9) }), 1],
  ])('%s: no copy that is not needed, no reading, no waiting', async (_, init, copies) => {
    covers('PERF-01')
    const world = new World()
    const tab = await page(world)
    const requests = vi.spyOn(Request.prototype, 'clone')
    const responses = vi.spyOn(Response.prototype, 'clone')
    const began = world.now
    let ended = 0
    void tab.api('/reports', init()).then(() => (ended = world.now))
    await world.run(1_000)
    expect([requests.mock.calls.length, responses.mock.calls.length, ended - began]).toEqual([copies, 0, world.server.latencyMs])
  })

  test('of a stranger: nothing at all, the very arguments go on', async () => {
    covers('PERF-01')
    const world = new World()
    const tab = world.browser().tab()
    const seen: unknown[][] = []
    const { fetch, ...rest } = tab.scope()
    const { createKeyturn } = await import('../src/keyturn')
    const keyturn = createKeyturn({ ring: 'payments', streamUrl: null, origins: 'https://api.example.com' }, {
      ...rest, localStorage: tab.scope().localStorage,
      fetch: ((...args: [any, any]) => (seen.push(args), fetch(...args))) as typeof globalThis.fetch,
    })
    await world.run(1_000)
    const init = { method: 'POST', body: 'x' }
    void keyturn.fetch('https://other.example.com/x', init)
    expect(seen.at(-1)).toEqual(['https://other.example.com/x', init])
    expect(seen.at(-1)![1]).toBe(init)
  })

  test('nothing that stays: ten thousand requests leave no trace but counters', async () => {
    covers('PERF-04')
    const world = new World()
    const browser = world.browser()
    const tab = browser.open({ streamUrl: null })
    await world.run(1_000)
    const before = [Object.keys(tab.keyturn.status().counters), browser.local.items.size, tab.session.items.size]
    world.server.latencyMs = 0
    for (let i = 0; i < 500; i++) {
      const calls = Promise.all(Array.from({ length: 20 }, () => tab.api()))
      await world.run(1)
      expect((await calls).every(({ status }) => status === 200)).toBe(true)
    }
    expect([Object.keys(tab.keyturn.status().counters), browser.local.items.size, tab.session.items.size]).toEqual(before)
    expect(tab.refreshes).toBe(1)
  })
})
