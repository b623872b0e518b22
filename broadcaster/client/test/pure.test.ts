import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { closeAction, closeCodes, keepsDistance } from '../src/closecodes'
import { createCore, jittered } from '../src/core'
import { decodeFrame } from '../src/frames'
import { fmix32, fnv1a, place } from '../src/hash'
import { readToken } from '../src/jwt'
import { authEndpoints, bare, parseOrigins } from '../src/origins'
import { challengeError, readProblem } from '../src/problem'
import { configured, defaults } from '../src/settings'
import { fit } from '../src/shape'
import { makeToken, problem } from './server'
import { World } from './world'

const fixture = <T>(name: string): readonly T[] => {
  const all = JSON.parse(readFileSync(new URL(`../../testdata/${name}.json`, import.meta.url), 'utf8')) as T[]
  expect(all.length, `${name}.json has entries`).toBeGreaterThan(0)
  return all
}

describe('close codes', () => {
  test('the table is the one that the server tests read', () => {
    const server = fixture<{ code: number; action: string }>('closecodes')
    expect(Object.keys(closeCodes).map(Number).sort()).toEqual(server.map((c) => c.code).sort())
    for (const { code, action } of server) expect([code, closeAction(code)]).toEqual([code, action])
  })

  test('whatever it does not name is backed off, and only 1013 and 4429 ask for distance', () => {
    for (const code of [1000, 1005, 1006, 1008, 1011, 3000, 4999, NaN]) expect(closeAction(code)).toBe('backoff')
    expect(Object.keys(closeCodes).map(Number).filter(keepsDistance)).toEqual([1013, 4429])
  })
})

describe('frames', () => {
  test('every server frame of the shared fixture is read, with the values it carries', () => {
    const frames = fixture<{ name: string; direction: string; frame: Record<string, unknown> }>('frames')
    const server = frames.filter((f) => f.direction === 'server')
    expect(server.length).toBeGreaterThan(0)
    for (const { name, frame } of server) {
      const read = decodeFrame(JSON.stringify(frame))
      expect(read, name).not.toBeNull()
      expect(frame, name).toMatchObject(read as object)
    }
    for (const { name, frame } of frames.filter((f) => f.direction === 'client')) {
      expect(decodeFrame(JSON.stringify(frame)), name).toBeNull()
    }
  })

  const name = { key: 'k', kid: 'k' }
  const state = {
    type: 'state', ring: 'payments', rev: 7, ...name, sinceMs: 0, pending: [], retiring: [],
    refresh: { afterMs: 0, windowMs: 0 }, urgency: 'planned', live: true,
  }
  const welcome = { type: 'welcome', session: 's', ...name, stale: false, ttlMs: 1, beaconMs: 1, nowMs: 1 }

  test('both examples that the hostile ones are made from are good', () => {
    expect(decodeFrame(JSON.stringify(state))).toEqual(state)
    expect(decodeFrame(JSON.stringify(welcome))).toMatchObject({ type: 'welcome', key: 'k' })
  })

  test.each<[string, unknown]>([
    ['no text', new ArrayBuffer(8)],
    ['nothing', undefined],
    ['empty', ''],
    ['no JSON', '{'],
    ['null', 'null'],
    ['a number', '7'],
    ['a list', '[{"type":"pong"}]'],
    ['text', '"state"'],
    ['markup', '<script>alert(1)</script>'],
    ['no type', '{}'],
    ['a type that is no text', { type: 7 }],
    ['a type that is a list', { type: ['pong'] , x: 1, toString: 1 }],
    ['an unknown type', { type: 'upgrade' }],
    ['the type __proto__', '{"type":"__proto__"}'],
    ['the type constructor', { type: 'constructor' }],
    ['the type toString', { type: 'toString' }],
    ['one too long', `{"type":"pong","x":"${'x'.repeat(70_000)}"}`],
    ['one too deep', '['.repeat(100_000)],
    ['a rev of text', { ...state, rev: '7' }],
    ['a negative rev', { ...state, rev: -1 }],
    ['a rev beyond all time', { ...state, rev: 1e300 }],
    ['no rev', { ...state, rev: undefined }],
    ['a key that is an object', { ...state, key: {} }],
    ['a kid too long', { ...state, kid: 'x'.repeat(600) }],
    ['a negative duration', { ...state, sinceMs: -1 }],
    ['pending that is no list', { ...state, pending: {} }],
    ['pending with a hole', { ...state, pending: [null] }],
    ['retiring without a duration', { ...state, retiring: [name] }],
    ['too many keys', { ...state, pending: Array.from({ length: 65 }, () => name) }],
    ['no plan', { ...state, refresh: null }],
    ['a plan that is a list', { ...state, refresh: [0, 0] }],
    ['an infinite window', '{"type":"claims","afterMs":0,"windowMs":1e999}'],
    ['live that is a number', { ...state, live: 1 }],
    ['a welcome without a life', { ...welcome, ttlMs: null }],
    ['stale that is text', { ...welcome, stale: 'false' }],
    ['a drain without a time', { type: 'drain' }],
    ['an error without a code', { type: 'error', retryAfterMs: 1 }],
    ['an error with a text for a time', { type: 'error', code: 'x', retryAfterMs: '1' }],
  ])('%s is no frame', (_, data) => {
    const raw = typeof data === 'object' && !(data instanceof ArrayBuffer) ? JSON.stringify(data) : data
    expect(decodeFrame(raw)).toBeNull()
  })

  test('what is not asked for is not copied, and nothing reaches a prototype', () => {
    const raw = `{"type":"claims","afterMs":1,"windowMs":2,"__proto__":{"polluted":true},"html":"<b>"}`
    expect(decodeFrame(raw)).toEqual({ type: 'claims', afterMs: 1, windowMs: 2 })
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  test('any bytes at all are read without throwing, and what comes out is read the same again', () => {
    const world = new World(7)
    const bits = ['{', '}', '[', ']', '"', ':', ',', 'type', 'state', 'welcome', 'drain', 'withinMs', 'rev', '1', '-', 'e9', 'null', 'true', '\\u0000', '😀']
    const good = JSON.stringify(state)
    for (let i = 0; i < 20_000; i++) {
      let raw = ''
      if (i % 2) for (let n = 0; n < 12; n++) raw += bits[Math.floor(world.random() * bits.length)]!
      else {
        const at = Math.floor(world.random() * good.length)
        raw = good.slice(0, at) + bits[Math.floor(world.random() * bits.length)]! + good.slice(at + Math.floor(world.random() * 3))
      }
      const read = decodeFrame(raw)
      if (read) expect(JSON.stringify(decodeFrame(JSON.stringify(read)))).toBe(JSON.stringify(read))
    }
  })
})

describe('shapes', () => {
  test('a missing optional is null, a wrong one refuses the whole', () => {
    expect(fit({ a: 'text?', b: 'number?' }, {})).toEqual({ a: null, b: null })
    expect(fit({ a: 'text?' }, { a: 7 })).toBeUndefined()
    expect(fit({ a: 'number?' }, { a: NaN })).toBeUndefined()
    expect(fit({ a: 'flag' }, { a: false })).toEqual({ a: false })
    expect(fit(['number'], [1, 2])).toEqual([1, 2])
    expect(fit(['number'], { 0: 1, length: 1 })).toBeUndefined()
    expect(fit({ a: 'text' }, [])).toBeUndefined()
  })
})

describe('the place in the window', () => {
  test('the hashes are FNV-1a and the MurmurHash3 finaliser', () => {
    expect(fnv1a('') >>> 0).toBe(0x811c9dc5)
    expect(fnv1a('a') >>> 0).toBe(0xe40c292c)
    expect(fnv1a('foobar') >>> 0).toBe(0xbf9cf968)
    expect([fmix32(0), fmix32(1)]).toEqual([0, 0x514e28b7])
  })

  test('ten thousand browsers spread evenly over the window, for each rev anew', () => {
    const world = new World(3)
    const ids = Array.from({ length: 10_000 }, () => `${world.random()}${world.random()}`)
    const cells = 100
    const spread = (rev: number): number[] => {
      const counts = new Array<number>(cells).fill(0)
      for (const id of ids) counts[Math.floor(place(id, rev) * cells)]!++
      return counts
    }
    for (const rev of [1_795_304_374_123, 1_795_304_374_124, 1, 2]) {
      const chi = spread(rev).reduce((sum, n) => sum + (n - 100) ** 2 / 100, 0)
      // 99 degrees of freedom: 148 is passed by chance once in a thousand.
      expect(chi).toBeLessThan(148)
    }
    const moved = ids.filter((id) => Math.abs(place(id, 1) - place(id, 2)) > 0.01).length
    expect(moved).toBeGreaterThan(9_700)
  })
})

describe('tokens', () => {
  const payload = { iss: 'i', sub: 'alice', iat: 1, exp: 2, roles: ['b', 'a'] }

  test('are read for their names and times only', () => {
    expect(readToken(makeToken({ kid: 'k' }, payload))).toMatchObject({ kid: 'k', sub: 'alice', iss: 'i', iat: 1, exp: 2 })
    expect(readToken(makeToken({}, { sub: 'Zoë 😀' }))).toMatchObject({ kid: null, sub: 'Zoë 😀', iat: null, exp: null })
  })

  test('that grant the same have the same digest, and nobody can read a name from it', () => {
    const digest = (header: object, more: object): string => readToken(makeToken(header, { ...payload, ...more }))!.digest
    const one = digest({ kid: 'k' }, {})
    for (const same of [{ iat: 5, exp: 9, jti: 'x' }, { roles: ['a', 'b'] }, { email: 'a@b.c' }]) expect(digest({ kid: 'k' }, same)).toBe(one)
    const others = [digest({ kid: 'l' }, {}), digest({ kid: 'k' }, { sub: 'bob' }), digest({ kid: 'k' }, { roles: ['a'] }),
      digest({ kid: 'k' }, { scope: 'admin' }), digest({ kid: 'k' }, { authz_version: 2 })]
    expect(new Set([one, ...others]).size).toBe(6)
    expect(one).toMatch(/^\d+-\d+$/)
  })

  test.each(['', 'a', 'a.b', 'a.b.c', '..', 'e30.e30.', 'e30.e30.x.y', `${btoa('[]')}.e30.x`, `e30.${btoa('null')}.x`,
    `e30.${btoa('{"exp":"soon"}')}.x`, `e30.${btoa('{"sub":7}')}.x`, `${'a'.repeat(20_000)}.e30.x`, 7, null, undefined, {}])('%j is no token', (token) => {
    expect(readToken(token)).toBeNull()
  })
})

describe('refusals', () => {
  test.each([
    ['Bearer error="invalid_token", error_description="the key has retired", kid="b"', 'invalid_token'],
    ['Bearer realm="x", error=insufficient_scope', 'insufficient_scope'],
    ['Bearer error_description="error=invalid_token, error=x"', ''],
    ['Bearer error_description="a \\"quoted\\" word", error="invalid_token"', 'invalid_token'],
    ['Basic realm="x"', ''],
    ['Bearer', ''],
    ['error=', ''],
    ['', ''],
    [null, ''],
  ])('the challenge %j says %j', (header, error) => {
    expect(challengeError(header)).toBe(error)
  })

  test('a hostile challenge costs no more than its first KiB', () => {
    expect(challengeError(`${'a'.repeat(500_000)} error="invalid_token"`)).toBe('')
    expect(challengeError(`Bearer ${'a="'.repeat(500_000)}`)).toBe('')
  })

  test('the body is read and stays unread', async () => {
    const response = problem(401, 'kid_unknown', { retryAfterMs: 1500 }, { 'retry-after': '2' })
    expect(await readProblem(response)).toEqual({ code: 'kid_unknown', error: '', retryAfterMs: 1500, message: '' })
    expect(response.bodyUsed).toBe(false)
    expect(await response.json()).toMatchObject({ code: 'kid_unknown' })
  })

  test.each<[string, string | null, number | null]>([
    ['seconds', '3', 3000], ['zero', '0', 0], ['too many', '99999999', 3_600_000], ['negative', '-1', null],
    ['a date', 'Wed, 21 Oct 2026 07:28:00 GMT', null], ['none', null, null], ['rubbish', 'soon', null],
  ])('Retry-After in %s', async (_, header, ms) => {
    const response = new Response('', { status: 429, headers: header === null ? {} : { 'retry-after': header } })
    expect((await readProblem(response)).retryAfterMs).toBe(ms)
  })

  test('a body that lies about its type says nothing', async () => {
    const lie = new Response('<html>', { status: 401, headers: { 'content-type': 'application/problem+json' } })
    expect(await readProblem(lie)).toEqual({ code: '', error: '', retryAfterMs: null, message: '' })
    for (const body of ['null', '[]', '7', '{"code":{"a":1},"retryAfterMs":"x"}']) {
      const odd = new Response(body, { status: 401, headers: { 'content-type': 'application/problem+json' } })
      expect(await readProblem(odd)).toMatchObject({ error: '', retryAfterMs: null })
    }
  })
})

describe('origins', () => {
  test('are read exactly, self being the page', () => {
    expect(parseOrigins('self, https://api.example.com:8443 HTTPS://B.example/', 'https://app.example.com/x/y'))
      .toEqual(['https://app.example.com', 'https://api.example.com:8443', 'https://b.example'])
    expect(parseOrigins('', 'https://a.example')).toEqual([])
  })

  test.each(['*', 'https://*.example.com', 'example.com', '//example.com', 'https://a.example/path', 'https://a.example?x',
    'javascript:alert(1)', 'data:text/html,x', 'https://user@a.example', 'null', 'ftp://a.example', 'https://'])('%s is refused by name', (name) => {
    expect(() => parseOrigins(name, 'https://a.example')).toThrow(/is no origin|Invalid URL/)
  })

  test('the endpoints of sign-in are known with and without a query', () => {
    const all = authEndpoints('https://a.example/auth/refresh?x=1', 'https://a.example/bye')
    expect(all).toEqual(expect.arrayContaining(['refresh', 'login', 'logout', 'callback', 'config-status'].map((n) => `https://a.example/auth/${n}`)))
    expect(all).toContain('https://a.example/bye')
    expect(bare('https://a.example/auth/login?next=/#x')).toBe('https://a.example/auth/login')
  })
})

describe('settings', () => {
  test('a value that will not do becomes the default, a name that is none throws and changes nothing', () => {
    const set = configured(defaults, { refreshDelayMs: 0, maxRetries: 5, debug: true, refreshOn403: 'never' })
    expect(set).toMatchObject({ refreshDelayMs: 0, maxRetries: 5, debug: true, refreshOn403: 'never' })
    for (const bad of [-1, NaN, 60_001, '1000x', null, {}]) expect(configured(set, { refreshDelayMs: bad }).refreshDelayMs).toBe(500)
    expect(configured(set, { refreshOn403: 'always', getToken: 'x', debug: 1 })).toMatchObject({ refreshOn403: 'once', getToken: null, debug: false })
    expect(() => configured(set, { refreshUrl: 'https://evil.example' })).toThrow('refreshUrl is fixed once the client runs')
    expect(() => configured(set, JSON.parse('{"__proto__":1}') as object)).toThrow('no setting')
  })
})

describe('time', () => {
  test('passes by the faster clock: through sleep, through a clock set back, never backwards', () => {
    const world = new World()
    const browser = world.browser()
    const core = createCore(browser.tab().scope())
    const start = core.now()
    world.now += 1_000
    expect(core.now() - start).toBe(1_000)
    browser.skew -= 600_000
    world.now += 1_000
    expect(core.now() - start).toBe(2_000)
    world.now += 3_600_000
    browser.slept += 3_600_000
    expect(core.now() - start).toBe(3_602_000)
  })

  test('timers beyond 24.8 days wait their time', async () => {
    const world = new World()
    const core = createCore(world.browser().tab().scope())
    const day = 86_400_000
    let fired = 0
    core.after(60 * day, () => fired++)
    const cancel = core.after(60 * day, () => fired++)
    await world.run(30 * day)
    cancel()
    await world.run(29.9 * day)
    expect(fired).toBe(0)
    await world.run(0.1 * day)
    expect(fired).toBe(1)
  })

  test('a jittered delay grows with each attempt up to a minute, and may be anything below', () => {
    expect([0, 1, 2, 3].map((n) => jittered(1, n))).toEqual([1000, 2000, 4000, 8000])
    expect(jittered(1, 99)).toBe(60_000)
    expect(jittered(0, 5)).toBe(0)
  })
})

test('coarse clocks that tick in turn do not make time run faster', () => {
  let ms = 0
  const core = createCore({
    ...new World().browser().tab().scope(),
    Date: { now: () => 1e12 + Math.floor(ms / 100) * 100 },
    performance: { now: () => Math.floor((ms + 50) / 100) * 100 },
  })
  core.now()
  for (ms = 1; ms <= 10_000; ms++) core.now()
  expect(Math.abs(core.now() - 10_000)).toBeLessThan(200)
})
