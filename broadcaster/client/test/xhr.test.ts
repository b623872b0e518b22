import { describe, expect, test } from 'vitest'
import { installXhr } from '../src/xhr'
import { covers } from './covers'
import { problem } from './server'
import type { Tab } from './world'
import { World } from './world'
import { createXhr, record } from './xhr-scene'

const second = { key: 'k2', kid: '2026-11-b' }
const api = 'https://api.example.com'

/** A page that is signed in, hears nothing of the server, and has its XMLHttpRequest patched. */
async function page(world: World, install = true): Promise<{ tab: Tab; Xhr: typeof XMLHttpRequest; takeBack: () => void }> {
  const tab = world.browser().open({ streamUrl: null })
  const Xhr = createXhr(tab)
  await world.run(1_000)
  const window = { XMLHttpRequest: Xhr }
  const takeBack = install ? installXhr(tab.keyturn, window) : () => {}
  return { tab, Xhr: window.XMLHttpRequest, takeBack }
}

interface Sent {
  readonly xhr: XMLHttpRequest
  readonly seen: string[]
}

function call(Xhr: typeof XMLHttpRequest, method: string, path: string, body: XMLHttpRequestBodyInit | null = null, prepare?: (xhr: XMLHttpRequest) => void): Sent {
  const xhr = new Xhr()
  const seen = record(xhr)
  xhr.open(method, path.startsWith('/') ? api + path : path)
  prepare?.(xhr)
  xhr.send(body)
  return { xhr, seen }
}

const good = ['readystatechange 1 0', 'loadstart 1 0', 'readystatechange 2 200', 'readystatechange 3 200', 'progress 3 200', 'readystatechange 4 200', 'load 4 200', 'loadend 4 200']

describe('an XMLHttpRequest', () => {
  test('of a page that is left for a sign-in ends with an error, like one that the network lost', async () => {
    covers('RET-07')
    const world = new World()
    const tab = world.browser().open({ streamUrl: null, settings: { signIn: 'redirect' } })
    const window = { XMLHttpRequest: createXhr(tab) }
    await world.run(1_000)
    installXhr(tab.keyturn, window)
    world.server.turn(second, { keep: false, silent: true })
    world.server.refreshScript = () => problem(401, 'session_missing')
    const { xhr, seen } = call(window.XMLHttpRequest, 'GET', '/reports')
    await world.run(2_000)
    expect([tab.address.gone.length, xhr.readyState, xhr.status]).toEqual([1, 4, 0])
    expect(seen.slice(-3).map((event) => event.split(' ')[0])).toEqual(['readystatechange', 'error', 'loadend'])
  })

  test('carries the token, and is as it always was', async () => {
    covers('DET-10')
    const world = new World()
    const { tab, Xhr } = await page(world)
    const { xhr, seen } = call(Xhr, 'GET', '/reports')
    await world.run(1_000)
    expect(seen).toEqual(good)
    expect([JSON.parse(xhr.responseText), tab.refreshes, world.server.seen[0]!.sub]).toEqual([{ ok: true, key: 'k1' }, 1, 'alice'])
  })

  test('that is refused recovers, and the app sees one request: one set of events, the good answer', async () => {
    covers('DET-10', 'RET-01')
    const world = new World()
    const { tab, Xhr } = await page(world)
    world.server.turn(second, { keep: false })
    const { xhr, seen } = call(Xhr, 'GET', '/reports')
    const during: unknown[] = []
    for (let i = 0; i < 100; i++) {
      await world.run(1)
      during.push(`${xhr.readyState} ${xhr.status}`)
    }
    await world.run(1_000)
    expect(seen).toEqual(good)
    expect(during.join()).not.toContain('401')
    expect(JSON.parse(xhr.responseText)).toEqual({ ok: true, key: 'k2' })
    expect([tab.refreshes, world.server.seen.map((s) => s.status)]).toEqual([2, [401, 200]])
  })

  test('handlers that were set before open() are spared too', async () => {
    const world = new World()
    const { Xhr } = await page(world)
    world.server.turn(second, { keep: false })
    const xhr = new Xhr()
    const seen: string[] = []
    xhr.onload = () => seen.push(`load ${xhr.status}`)
    xhr.onreadystatechange = () => seen.push(`${xhr.readyState}`)
    xhr.open('GET', `${api}/reports`)
    xhr.send()
    await world.run(1_000)
    expect(seen).toEqual(['1', '2', '3', '4', 'load 200'])
  })

  const forms = (): FormData => {
    const form = new FormData()
    form.set('file', new Blob(['content']), 'x.txt')
    return form
  }
  test.each<[string, () => XMLHttpRequestBodyInit, RegExp]>([
    ['text', () => 'text', /^text$/],
    ['a form', () => new URLSearchParams({ a: '1' }), /^a=1$/],
    ['bytes', () => new TextEncoder().encode('bytes'), /^bytes$/],
    ['a blob', () => new Blob(['blob']), /^blob$/],
    ['form data', forms, /filename="x.txt"[^]*content/],
  ])('sends %s again as it was, with its headers', async (_, body, expected) => {
    covers('RET-04')
    const world = new World()
    const { Xhr } = await page(world)
    world.server.turn(second, { keep: false })
    const mine: (string | null)[] = []
    world.server.apiScript = (request) => (mine.push(request.headers.get('x-mine')), null)
    const { xhr, seen } = call(Xhr, 'PATCH', '/reports', body(), (x) => {
      x.setRequestHeader('x-mine', '7')
      x.setRequestHeader('x-mine', '8')
    })
    await world.run(1_000)
    expect([xhr.status, mine]).toEqual([200, ['7, 8', '7, 8']])
    expect(world.server.seen).toHaveLength(2)
    for (const one of world.server.seen) expect(one.body).toMatch(expected)
    expect(seen.filter((line) => line.startsWith('upload'))).toEqual(['upload loadstart', 'upload progress', 'upload load', 'upload loadend'])
  })

  test('goes out as it was called, whatever becomes of its body', async () => {
    const world = new World()
    const { Xhr } = await page(world)
    world.server.turn(second, { keep: false })
    const form = new URLSearchParams({ a: '1' })
    call(Xhr, 'POST', '/reports', form)
    form.set('a', '2')
    await world.run(1_000)
    expect(world.server.seen.map((s) => s.body)).toEqual(['a=1', 'a=1'])
  })

  test.each<[XMLHttpRequestResponseType, (xhr: XMLHttpRequest) => unknown]>([
    ['', (xhr) => JSON.parse(xhr.responseText).code],
    ['text', (xhr) => JSON.parse(xhr.response).code],
    ['json', (xhr) => xhr.response.code],
    ['arraybuffer', (xhr) => JSON.parse(new TextDecoder().decode(xhr.response)).code],
    ['blob', (xhr) => xhr.response.size > 50 && 'signature_invalid'],
  ])('refused for ever, with response type %j: two requests, then the refusal, whole', async (type, read) => {
    covers('RET-06')
    const world = new World()
    const { tab, Xhr } = await page(world)
    world.server.apiScript = () => problem(401, 'signature_invalid')
    const { xhr, seen } = call(Xhr, 'GET', '/reports', null, (x) => (x.responseType = type))
    await world.run(1_000)
    expect(seen).toEqual(good.map((line) => line.replace('200', '401')))
    expect([read(xhr), world.server.seen.length, tab.refreshes]).toEqual(['signature_invalid', 2, 2])
  })

  test('refused with 403 for a role that is granted meanwhile recovers', async () => {
    covers('DET-03')
    const world = new World()
    const { Xhr } = await page(world)
    world.server.roles = ['user', 'admin']
    const { xhr, seen } = call(Xhr, 'POST', '/admin', 'x')
    await world.run(2_000)
    expect([xhr.status, seen.at(-1)]).toEqual([200, 'loadend 4 200'])
  })

  test.each([400, 404, 409, 429, 500, 503])('%i is no auth failure', async (status) => {
    covers('DET-04')
    const world = new World()
    const { tab, Xhr } = await page(world)
    world.server.apiScript = () => new Response('x', { status })
    const { xhr } = call(Xhr, 'GET', '/reports')
    await world.run(1_000)
    expect([xhr.status, xhr.responseText, tab.refreshes, world.server.seen.length]).toEqual([status, 'x', 1, 1])
  })

  test('a network failure is the app’s, and no reason to refresh', async () => {
    covers('DET-12')
    const world = new World()
    const { tab, Xhr } = await page(world)
    world.server.apiScript = () => Promise.reject(new TypeError('network'))
    const { seen } = call(Xhr, 'GET', '/reports')
    await world.run(1_000)
    expect(seen).toEqual(['readystatechange 1 0', 'loadstart 1 0', 'readystatechange 4 0', 'error 4 0', 'loadend 4 0'])
    expect(tab.refreshes).toBe(1)
  })

  test('that the app ends during the refresh ends at once, and is not sent again', async () => {
    const world = new World()
    const { Xhr } = await page(world)
    world.server.turn(second, { keep: false })
    world.server.refreshScript = () => new Promise(() => {})
    const { xhr, seen } = call(Xhr, 'GET', '/reports')
    await world.run(500)
    expect(xhr.readyState).toBe(1)
    xhr.abort()
    expect(seen).toEqual([...good.slice(0, 2), 'readystatechange 4 0', 'abort 4 0', 'loadend 4 0'])
    expect([xhr.readyState, xhr.status]).toEqual([0, 0])
    await world.run(60_000)
    expect([world.server.seen.length, seen.length]).toEqual([1, 5])
  })

  test('that the app ends on its way, or after its end, behaves as ever', async () => {
    const world = new World()
    const { Xhr } = await page(world)
    const { xhr, seen } = call(Xhr, 'GET', '/reports')
    await world.run(5)
    xhr.abort()
    await world.run(1_000)
    expect(seen.slice(2)).toEqual(['readystatechange 4 0', 'abort 4 0', 'loadend 4 0'])
    const done = call(Xhr, 'GET', '/reports')
    await world.run(1_000)
    done.xhr.abort()
    expect(done.seen).toEqual(good)
  })

  test('has one time limit, refresh and replay included', async () => {
    const world = new World()
    const { Xhr } = await page(world)
    world.server.turn(second, { keep: false })
    world.server.refreshScript = () => new Promise(() => {})
    const waiting = call(Xhr, 'GET', '/reports', null, (x) => (x.timeout = 3_000))
    await world.run(2_999)
    expect(waiting.seen).toEqual(good.slice(0, 2))
    await world.run(2)
    expect(waiting.seen.slice(2)).toEqual(['readystatechange 4 0', 'timeout 4 0', 'loadend 4 0'])

    const other = new World()
    const two = await page(other)
    other.server.turn(second, { keep: false })
    let n = 0
    other.server.apiScript = () => (n++ ? new Promise(() => {}) : null)
    const replayed = call(two.Xhr, 'GET', '/reports', null, (x) => (x.timeout = 3_000))
    await other.run(3_001)
    expect(replayed.seen.slice(2)).toEqual(['readystatechange 4 0', 'timeout 4 0', 'loadend 4 0'])
    expect([other.server.seen.length, n, replayed.xhr.timeout]).toEqual([1, 2, 3_000])
  })

  test('can be opened again at any time: what was before is forgotten', async () => {
    const world = new World()
    const { Xhr } = await page(world)
    world.server.turn(second, { keep: false })
    const { xhr, seen } = call(Xhr, 'GET', '/first')
    await world.run(25)
    xhr.open('GET', `${api}/second`)
    xhr.send()
    await world.run(2_000)
    expect([xhr.status, seen.filter((line) => line.startsWith('loadend'))]).toEqual([200, ['loadend 4 200']])
    expect(world.server.seen.filter((s) => s.status === 200).map((s) => s.path)).toEqual(['/second'])
    xhr.open('GET', `${api}/third`)
    xhr.send()
    await world.run(1_000)
    expect(world.server.seen.at(-1)!.path).toBe('/third')
  })

  test('opened again by the app’s own listener goes on as the app says', async () => {
    const world = new World()
    const { Xhr } = await page(world)
    let left = 2
    world.server.apiScript = () => (left-- > 0 ? problem(403, '') : null)
    const { xhr, seen } = call(Xhr, 'POST', '/orders', 'x', (x) => {
      x.onload = () => {
        if (x.status !== 403) return
        x.open('POST', `${api}/again`)
        x.send('y')
      }
    })
    await world.run(5_000)
    expect(seen.filter((line) => /^load /.test(line)).length).toBeGreaterThan(0)
    expect(world.server.seen.map((s) => s.path)).toContain('/again')
    expect(xhr.readyState).toBe(4)
  })

  test('that the app ends when it hears of a lasting refusal tells it of that end alone', async () => {
    const world = new World()
    const { Xhr } = await page(world)
    world.server.apiScript = () => problem(401, 'signature_invalid')
    const { xhr, seen } = call(Xhr, 'GET', '/reports', null, (x) => {
      x.onreadystatechange = () => x.readyState === 2 && x.abort()
    })
    await world.run(5_000)
    expect(seen.slice(2)).toEqual(['readystatechange 2 401', 'readystatechange 4 0', 'abort 4 0', 'loadend 4 0'])
    expect([xhr.readyState, xhr.status]).toEqual([0, 0])
    xhr.open('GET', `${api}/again`)
    world.server.apiScript = () => null
    xhr.onreadystatechange = null
    xhr.send()
    await world.run(5_000)
    expect(xhr.status).toBe(200)
  })

  test('may be sent once, and given no header afterwards', async () => {
    const world = new World()
    const { Xhr } = await page(world)
    const { xhr } = call(Xhr, 'GET', '/reports')
    expect(() => xhr.send()).toThrow('sent')
    expect(() => xhr.setRequestHeader('x', 'y')).toThrow('sent')
    await world.run(1_000)
    expect(xhr.status).toBe(200)
  })

  test('keeps credentials of the app’s own; those of an earlier token are replaced, not added to', async () => {
    const world = new World()
    const { Xhr } = await page(world)
    const earlier = world.server.token('alice')
    const heard: (string | null)[] = []
    world.server.apiScript = (request) => (heard.push(request.headers.get('authorization')), Response.json({}))
    call(Xhr, 'GET', '/a', null, (x) => x.setRequestHeader('Authorization', 'Basic eA=='))
    await world.run(1_000)
    call(Xhr, 'GET', '/b', null, (x) => x.setRequestHeader('authorization', `Bearer ${earlier}`))
    await world.run(1_000)
    expect(heard[0]).toBe('Basic eA==')
    expect(heard[1]).toMatch(/^Bearer [^,]+$/)
    expect(heard[1]).not.toContain(earlier)
  })

  test('to strangers, and a synchronous one, pass through untouched', async () => {
    const world = new World()
    const { tab, Xhr } = await page(world)
    const heard: (string | null)[] = []
    world.server.apiScript = (request) => (heard.push(request.headers.get('authorization')), problem(401, 'token_missing'))
    const { seen } = call(Xhr, 'GET', 'https://evil.example/?x=https://api.example.com')
    await world.run(1_000)
    const sync = new Xhr()
    sync.open('GET', `${api}/now`, false)
    sync.send()
    expect([heard, seen.at(-1), tab.refreshes, sync.readyState, tab.calls.at(-1)]).toEqual([[null], 'loadend 4 401', 1, 4, 'sync without token'])
  })
})

test.each<[string, (tab: Tab) => string | Promise<unknown>, boolean]>([
  ['a stranger', () => 'https://other.example.com/x', false],
  ['a client of nobody', (tab) => tab.keyturn.logout(), false],
  ['a signed-in client', () => `${api}/x`, true],
])('an upload to %s has listeners of ours only if the token goes along: they cost a preflight', async (_, prepare, ours) => {
  const world = new World()
  const { tab, Xhr } = await page(world)
  const given = prepare(tab)
  await world.run(1_000)
  const xhr = new Xhr()
  const heard = new Set<string>()
  const { addEventListener, removeEventListener } = EventTarget.prototype
  const target = Object.getPrototypeOf(Object.getPrototypeOf(xhr)) as EventTarget
  target.addEventListener = function (this: EventTarget, ...args: Parameters<typeof addEventListener>) {
    if (this !== xhr) heard.add(args[0])
    addEventListener.apply(this, args)
  }
  target.removeEventListener = function (this: EventTarget, ...args: Parameters<typeof removeEventListener>) {
    if (this !== xhr) heard.delete(args[0])
    removeEventListener.apply(this, args)
  }
  try {
    xhr.open('POST', typeof given === 'string' ? given : `${api}/x`)
    expect([!!xhr.upload, heard.size > 0]).toEqual([true, true])
    xhr.send('x')
    await world.run(1_000)
    expect(heard.size > 0).toBe(ours)
  } finally {
    delete (target as Partial<EventTarget>).addEventListener
    delete (target as Partial<EventTarget>).removeEventListener
  }
})

test('ten at once and a fetch: one refresh, all recovered', async () => {
  covers('REF-04')
  const world = new World()
  const { tab, Xhr } = await page(world)
  world.server.turn(second, { keep: false })
  const all = Array.from({ length: 10 }, (_, i) => call(Xhr, 'GET', `/reports/${i}`))
  const fetched = tab.api()
  await world.run(2_000)
  expect([all.map(({ xhr }) => xhr.status), (await fetched).status, tab.refreshes]).toEqual([all.map(() => 200), 200, 2])
})

test('the patch is put on once, and can be taken back', async () => {
  const world = new World()
  const { tab, Xhr } = await page(world, false)
  const before = { ...Object.getOwnPropertyDescriptors(Xhr.prototype) }
  const window = { XMLHttpRequest: Xhr }
  const takeBack = installXhr(tab.keyturn, window)
  const { send } = Xhr.prototype
  const patched = window.XMLHttpRequest
  installXhr(tab.keyturn, window)()
  expect([Xhr.prototype.send === send, send === before.send!.value, window.XMLHttpRequest === patched]).toEqual([true, false, true])
  expect([patched.name, patched.length, new patched() instanceof Xhr]).toEqual([Xhr.name, Xhr.length, true])
  takeBack()
  expect(window.XMLHttpRequest).toBe(Xhr)
  expect(Object.keys(Object.getOwnPropertyDescriptors(Xhr.prototype))).toEqual(Object.keys(before))
  for (const name of ['open', 'send', 'abort', 'setRequestHeader'] as const) expect(Xhr.prototype[name]).toBe(before[name]!.value)
  expect(Object.getOwnPropertyDescriptor(Xhr.prototype, 'upload')!.get).toBe(before.upload!.get)
})
