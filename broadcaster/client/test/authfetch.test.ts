import { describe, expect, test } from 'vitest'
import { covers } from './covers'
import { blocked, second, settled, turned } from './refused'
import { problem } from './server'
import { World } from './world'

describe('a 401', () => {
  test('with the socket blocked: one refresh, one replay, and the caller sees only the good answer', async () => {
    covers('DET-01', 'DET-02', 'RET-01')
    const world = new World()
    const tab = await turned(world)
    const response = await settled(world, tab.api())
    expect(await response.json()).toEqual({ ok: true, key: 'k2' })
    expect(tab.refreshes).toBe(2)
    expect(world.server.seen.map((s) => s.status)).toEqual([401, 200])
  })

  test('waits for nothing before its refresh; that is for a 403', async () => {
    covers('REF-06')
    const world = new World()
    const tab = await turned(world)
    const asked: number[] = []
    tab.keyturn.on('refresh', ({ phase }) => void (phase === 'started' && asked.push(world.now)))
    const began = world.now
    await settled(world, tab.api())
    // The way of one call, and the moment in which siblings may answer.
    expect(asked.map((at) => at - began < 20 + 60)).toEqual([true])
  })

  test('ten at once: one refresh, ten good answers', async () => {
    covers('REF-04')
    const world = new World()
    const tab = await turned(world)
    const all = await settled(world, Promise.all(Array.from({ length: 10 }, (_, i) => tab.api(`/reports/${i}`))))
    expect(all.map((r) => r.status)).toEqual(all.map(() => 200))
    expect(tab.refreshes).toBe(2)
  })

  test('that arrives after the refresh is replayed with the newer token, without another', async () => {
    const world = new World()
    const tab = await turned(world)
    let slow: (() => void) | undefined
    world.server.apiScript = (request) =>
      request.url.endsWith('/slow') && !slow
        ? new Promise((resolve) => (slow = () => resolve(problem(401, 'key_retired'))))
        : null
    const late = tab.api('/slow')
    await settled(world, tab.api())
    expect(tab.refreshes).toBe(2)
    slow!()
    expect((await settled(world, late)).status).toBe(200)
    expect(tab.refreshes).toBe(2)
  })

  test('in eight tabs: one refresh', async () => {
    const world = new World()
    const browser = world.browser()
    const tabs = Array.from({ length: 8 }, () => browser.open({ streamUrl: null }))
    await world.run(2_000)
    world.server.turn(second, { keep: false })
    const all = await settled(world, Promise.all(tabs.map((tab) => tab.api())))
    expect(all.map((r) => r.status)).toEqual(all.map(() => 200))
    expect(world.server.issued).toBe(2)
  })

  test('for ever: the server sees two requests, and the caller its second answer, unread', async () => {
    covers('RET-02', 'RET-06')
    const world = new World()
    const tab = await blocked(world)
    world.server.apiScript = () => problem(401, 'signature_invalid')
    const response = await settled(world, tab.api())
    expect([response.status, response.bodyUsed, world.server.seen.length, tab.refreshes]).toEqual([401, false, 2, 2])
    expect(await response.json()).toMatchObject({ code: 'signature_invalid' })
  })

  test('while nobody is signed in goes to the caller, and nobody asks again', async () => {
    const world = new World()
    const browser = world.browser()
    browser.cookie = null
    const tab = browser.open()
    await world.run(1_000)
    for (let i = 0; i < 3; i++) expect((await settled(world, tab.api())).status).toBe(401)
    expect([tab.refreshes, tab.sockets.length]).toEqual([1, 0])
    expect(tab.keyturn.status()).toMatchObject({ socket: 'idle', token: null })
  })

  test.each([400, 404, 409, 418, 429, 500, 503])('%i is no auth failure', async (status) => {
    covers('DET-04')
    const world = new World()
    const tab = await blocked(world)
    world.server.apiScript = () => new Response('x', { status, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })
    const response = await settled(world, tab.api())
    expect([response.status, await response.text(), tab.refreshes, world.server.seen.length]).toEqual([status, 'x', 1, 1])
  })

  test('a network failure is none either', async () => {
    covers('DET-12')
    const world = new World()
    const tab = await blocked(world)
    world.server.apiScript = () => Promise.reject(new TypeError('Failed to fetch'))
    await expect(settled(world, tab.api())).rejects.toThrow('Failed to fetch')
    expect(tab.refreshes).toBe(1)
  })

  test('marked as having had its refresh goes to the caller, and that is said', async () => {
    covers('LOOP-01')
    const world = new World()
    const tab = await turned(world)
    const response = await settled(world, tab.api('/reports', { _attemptedRefresh: true }))
    expect([response.status, tab.refreshes]).toEqual([401, 1])
    expect(tab.said('🔄 [fetchWithAuth] Already attempted refresh for this request')).toBe(1)
  })
})

describe('an unknown kid', () => {
  const unknown = (times: number) => {
    let left = times
    return (): Response | null => (left-- > 0 ? problem(401, 'kid_unknown', { retryAfterMs: 1_000 }) : null)
  }

  test('with a time to wait is waited for and sent again, without a refresh', async () => {
    covers('EDGE-15', 'RET-03')
    const world = new World()
    const tab = await blocked(world)
    world.server.apiScript = unknown(3)
    const call = tab.api()
    await world.run(900)
    expect(world.server.seen).toHaveLength(1)
    expect((await settled(world, call)).status).toBe(200)
    expect([world.server.seen.length, tab.refreshes]).toEqual([4, 1])
  })

  test('is waited for three times at most', async () => {
    const world = new World()
    const tab = await blocked(world)
    world.server.apiScript = unknown(99)
    expect((await settled(world, tab.api())).status).toBe(401)
    expect([world.server.seen.length, tab.refreshes]).toEqual([4, 1])
  })

  test('ends with the caller', async () => {
    const world = new World()
    const tab = await blocked(world)
    world.server.apiScript = unknown(99)
    const ended = new AbortController()
    const call = tab.api('/reports', { signal: ended.signal })
    await world.run(100)
    ended.abort(new Error('left the page'))
    await expect(settled(world, call)).rejects.toThrow('left the page')
    expect(world.server.seen).toHaveLength(1)
  })
})

describe('a 403', () => {
  test('for a role that has been granted meanwhile: waits 500 ms, refreshes, replays', async () => {
    covers('DET-03', 'REF-05', 'LOG-03')
    const world = new World()
    const tab = await blocked(world)
    world.server.roles = ['user', 'admin']
    const began = world.now
    const asked: number[] = []
    tab.keyturn.on('refresh', ({ phase }) => void (phase === 'started' && asked.push(world.now - began)))
    const response = await settled(world, tab.api('/admin', { method: 'POST', body: 'x' }))
    expect(response.status).toBe(200)
    expect([tab.refreshes, world.server.seen.map((s) => s.body)]).toEqual([2, ['x', 'x']])
    expect(asked[0]).toBeGreaterThanOrEqual(500)
    const lines = tab.lines.map((l) => l.replace('🔄 ', '')).filter((l) => !l.startsWith('[AuthContext]'))
    expect(lines.slice(-5)).toEqual([
      '[fetchWithAuth] Got 403 Forbidden, user may need permission refresh',
      '[fetchWithAuth] First 403, attempting token refresh',
      '[fetchWithAuth] Waiting 500ms before refresh...',
      'DynamicAuthManager: Refreshing token...',
      '✅ DynamicAuthManager: Token refreshed successfully',
    ])
  })

  test('that stays: one refresh, one replay, then the caller gets it unread; again under the same claims: none', async () => {
    covers('LOOP-03', 'LOOP-05', 'EDGE-07')
    const world = new World()
    const tab = await blocked(world)
    const response = await settled(world, tab.api('/forbidden'))
    expect([response.status, await response.text(), tab.refreshes, world.server.seen.length]).toEqual([403, 'no', 2, 2])
    expect(tab.said('lacks permission')).toBe(0)
    for (let i = 0; i < 3; i++) {
      const again = await settled(world, tab.api('/forbidden'))
      expect([again.status, again.bodyUsed]).toEqual([403, false])
    }
    expect([tab.refreshes, world.server.seen.length]).toEqual([2, 5])
    expect(tab.said('🔄 [fetchWithAuth] Token already refreshed, still 403 - user lacks permission')).toBe(3)
  })

  test('is remembered across a reload, as a digest and nothing else', async () => {
    covers('LOOP-04', 'SEC-04')
    const world = new World()
    const tab = await blocked(world)
    await settled(world, tab.api('/forbidden'))
    expect([...tab.session.items.keys()]).toEqual(['keyturn:403:payments'])
    expect(tab.session.items.get('keyturn:403:payments')).toMatch(/^\d+-\d+$/)
    tab.start({ streamUrl: null })
    await world.run(1_000)
    const before = tab.refreshes
    expect((await settled(world, tab.api('/forbidden'))).status).toBe(403)
    expect(tab.refreshes).toBe(before)
  })

  test.each<[string, (world: World) => void]>([
    ['a rotation', (world) => world.server.turn(second)],
    ['changed claims', (world) => world.server.broadcast({ type: 'claims', afterMs: 0, windowMs: 0 })],
  ])('after %s may refresh again', async (_, event) => {
    covers('LOOP-10')
    const world = new World()
    const tab = world.browser().open()
    await world.run(1_000)
    await settled(world, tab.api('/forbidden'))
    event(world)
    await world.run(130_000)
    const before = tab.refreshes
    await settled(world, tab.api('/forbidden'))
    expect(tab.refreshes).toBe(before + 1)
  })

  test('after progress may refresh again', async () => {
    covers('LOOP-09')
    const world = new World()
    const tab = await blocked(world)
    world.server.roles = ['user', 'editor']
    await settled(world, tab.api('/admin'))
    world.server.roles = ['user', 'editor', 'admin']
    expect((await settled(world, tab.api('/admin'))).status).toBe(200)
    expect(tab.refreshes).toBe(3)
  })

  test('after a role was granted, taken back and granted again may refresh again, over a reload as well', async () => {
    covers('LOOP-09')
    const world = new World()
    const tab = await blocked(world)
    const asAdmin = async (status: number): Promise<void> => {
      expect((await settled(world, tab.api('/admin'))).status).toBe(status)
    }
    for (const reload of [false, true]) {
      world.server.roles = ['user', 'admin']
      await asAdmin(200)
      world.server.roles = ['user']
      if (reload) tab.start({ streamUrl: null })
      else await settled(world, tab.keyturn.refresh())
      await world.run(1_000)
    }
    world.server.roles = ['user', 'admin']
    await asAdmin(200)
    expect(tab.said('still 403')).toBe(0)
  })

  test('twenty at once: one refresh, the others say so and wait for it', async () => {
    covers('LOOP-06', 'EDGE-01', 'EDGE-06')
    const world = new World()
    const tab = await blocked(world)
    world.server.roles = ['user', 'admin']
    const all = await settled(world, Promise.all(Array.from({ length: 20 }, () => tab.api('/admin'))))
    expect(all.map((r) => r.status)).toEqual(all.map(() => 200))
    expect(tab.refreshes).toBe(2)
    expect([tab.said('First 403'), tab.said('🔄 [fetchWithAuth] Token refresh redirect already in progress')]).toEqual([1, 19])
  })

  test('of a POST without a missing role refreshes, but is not sent again', async () => {
    const world = new World()
    const tab = await blocked(world)
    const response = await settled(world, tab.api('/forbidden', { method: 'POST', body: 'x' }))
    expect([response.status, tab.refreshes, world.server.seen.length]).toEqual([403, 2, 1])
  })

  test('of the key is as a 401', async () => {
    const world = new World()
    const tab = await blocked(world)
    let first = true
    world.server.apiScript = () => (first ? ((first = false), problem(403, 'key_retired')) : null)
    expect((await settled(world, tab.api('/reports', { method: 'POST', body: 'x' }))).status).toBe(200)
    expect([tab.refreshes, tab.said('Waiting')]).toEqual([2, 0])
  })

  test.each([[0, 0], [1_000, 1_000], ['soon', 500], [-5, 500]])('waits %j: %i ms', async (given, ms) => {
    covers('REF-05')
    const world = new World()
    const tab = await blocked(world)
    tab.keyturn.configure({ refreshDelayMs: given as number })
    await settled(world, tab.api('/forbidden'))
    expect(tab.said(`[fetchWithAuth] Waiting ${ms}ms before refresh...`)).toBe(1)
  })

  test('is left alone when that is set', async () => {
    const world = new World()
    const tab = await blocked(world)
    tab.keyturn.configure({ refreshOn403: 'never' })
    await settled(world, tab.api('/forbidden'))
    expect([tab.refreshes, world.server.seen.length]).toEqual([1, 1])
  })
})

describe('a replay', () => {
  const bodies: [string, () => RequestInit & { duplex?: string }, string | RegExp][] = [
    ['text', () => ({ body: 'text' }), 'text'],
    ['a form', () => ({ body: new URLSearchParams({ a: '1', b: 'ü' }) }), 'a=1&b=%C3%BC'],
    ['bytes', () => ({ body: new TextEncoder().encode('bytes') }), 'bytes'],
    ['a blob', () => ({ body: new Blob(['blob']) }), 'blob'],
    ['form data', () => {
      const form = new FormData()
      form.set('file', new Blob(['content']), 'x.txt')
      return { body: form }
    }, /filename="x.txt"[^]*content/],
  ]

  test.each(bodies)('sends %s again as it was', async (_, init, expected) => {
    covers('RET-04')
    const world = new World()
    const tab = await turned(world)
    const response = await settled(world, tab.api('/reports?x=1', { method: 'PATCH', headers: { 'x-mine': '7' }, ...init() }))
    expect(response.status).toBe(200)
    const [first, again] = world.server.seen
    expect([first!.method, again!.method, first!.path]).toEqual(['PATCH', 'PATCH', '/reports'])
    for (const seen of [first!, again!]) {
      if (typeof expected === 'string') expect(seen.body).toBe(expected)
      else expect(seen.body).toMatch(expected)
    }
  })

  test('sends a Request again whose body can be read once only', async () => {
    const world = new World()
    const tab = await turned(world)
    const request = new Request('https://api.example.com/reports', { method: 'POST', body: 'once', headers: { 'x-mine': '7' } })
    expect((await settled(world, tab.keyturn.fetch(request))).status).toBe(200)
    expect(world.server.seen.map((s) => [s.method, s.body])).toEqual([['POST', 'once'], ['POST', 'once']])
  })

  test('never sends a stream again: no second request, no refresh, and a line that says why', async () => {
    covers('RET-05')
    const world = new World()
    const tab = await turned(world)
    const body = new Blob(['streamed']).stream()
    const response = await settled(world, tab.api('/reports', { method: 'POST', body, duplex: 'half' } as RequestInit))
    expect([response.status, world.server.seen.length, tab.refreshes]).toEqual([401, 1, 1])
    expect(tab.said('A streamed body can only be sent once')).toBe(1)
  })

  test('of a stream is spared by a token that will last: one about to expire is replaced first', async () => {
    const world = new World()
    const tab = await blocked(world)
    tab.hidden = true
    await world.run(850_000)
    expect(tab.refreshes).toBe(1)
    const body = new Blob(['streamed']).stream()
    const response = await settled(world, tab.api('/reports', { method: 'POST', body, duplex: 'half' } as RequestInit))
    expect([response.status, tab.refreshes]).toEqual([200, 2])
  })

  test('neither changes nor shares the caller’s options', async () => {
    covers('LOOP-02')
    const world = new World()
    const tab = await turned(world)
    const options = Object.freeze({ method: 'POST', headers: Object.freeze({ 'x-mine': '7' }), body: 'x' })
    expect((await settled(world, tab.api('/a', options))).status).toBe(200)
    world.server.turn({ key: 'k9', kid: 'k9' }, { keep: false })
    expect((await settled(world, tab.api('/b', options))).status).toBe(200)
    expect(Object.keys(options)).toEqual(['method', 'headers', 'body'])
    expect(tab.refreshes).toBe(3)
  })

  test('ends with the caller, while the refresh goes on for the others', async () => {
    const world = new World()
    const tab = await turned(world)
    world.server.latencyMs = 2_000
    const ended = new AbortController()
    const call = tab.api('/a', { signal: ended.signal })
    const other = tab.api('/b')
    await world.run(3_000)
    ended.abort()
    await expect(settled(world, call)).rejects.toThrow(/abort/i)
    expect((await settled(world, other)).status).toBe(200)
    expect(tab.refreshes).toBe(2)
    expect(world.server.seen.filter((s) => s.path === '/a')).toHaveLength(1)
  })
})

test('no line, no status and no storage ever holds a token', async () => {
  covers('LOG-22')
  const world = new World()
  const browser = world.browser()
  const tabs = [browser.open({ settings: { debug: true } }), browser.open({ settings: { debug: true } })]
  await world.run(1_000)
  const events: unknown[] = []
  for (const tab of tabs) {
    for (const event of ['state', 'token', 'socket', 'refresh', 'failed', 'sessionended'] as const) tab.keyturn.on(event, (news) => events.push(news))
  }
  world.server.turn(second, { keep: false })
  await settled(world, tabs[0]!.api('/forbidden'))
  await settled(world, tabs[1]!.api())
  await world.run(130_000)
  const token = await tabs[0]!.keyturn.getToken()
  expect(token!.length).toBeGreaterThan(50)
  const all = JSON.stringify([
    events, tabs.map((t) => [t.lines, t.keyturn.status(), [...t.session.items]]), [...browser.local.items],
  ])
  expect(events.length).toBeGreaterThan(5)
  for (const part of token!.split('.')) expect(all).not.toContain(part)
  expect(all).not.toContain('alice')
  for (const line of tabs.flatMap((t) => t.lines)) expect(line).toMatch(/🔄|JWT/)
})

test('a replay is the request as it was called, whatever becomes of its options meanwhile', async () => {
  const world = new World()
  const tab = await turned(world)
  const headers = new Headers({ 'x-step': '1' })
  const options = { method: 'POST', body: 'first', headers }
  const seen: (string | null)[] = []
  world.server.apiScript = (request) => (seen.push(request.headers.get('x-step')), null)
  const call = tab.api('/orders', options)
  options.body = 'second'
  headers.set('x-step', '2')
  expect((await settled(world, call)).status).toBe(200)
  expect(world.server.seen.map((s) => s.body)).toEqual(['first', 'first'])
  expect(seen).toEqual(['1', '1'])
})

test('where storage is full the page remembers for itself: one refresh for a lasting 403', async () => {
  const world = new World()
  const tab = await blocked(world, { full: true })
  for (let i = 0; i < 6; i++) expect((await settled(world, tab.api('/forbidden'))).status).toBe(403)
  expect(tab.refreshes).toBe(2)
})

test('a refusal of the newest token is not answered by a refresh that began before it', async () => {
  const world = new World()
  const browser = world.browser()
  let current = world.server.token('alice')
  const tab = browser.open({
    streamUrl: null, manual: true,
    settings: { getToken: () => current, refresh: async () => (current = world.server.token('alice')) },
  })
  await world.run(1_000)
  let release = (): void => {}
  void browser.locks.request('keyturn:payments', {}, () => new Promise<void>((resolve) => (release = resolve)))
  const manual = tab.keyturn.refresh()
  await world.run(1_000)
  current = world.server.token('alice')
  world.server.turn(second, { keep: false })
  const call = tab.api()
  await world.run(1_000)
  release()
  expect((await settled(world, call)).status).toBe(200)
  await manual
})
