import axios from 'axios'
import type { AxiosInstance, AxiosRequestConfig } from 'axios'
import { describe, expect, test, vi } from 'vitest'
import { installAxios } from '../src/axios'
import { covers } from './covers'
import { problem } from './server'
import type { Tab } from './world'
import { World } from './world'

const second = { key: 'k2', kid: '2026-11-b' }

/** An instance of the real axios whose requests go out by the page's fetch. */
function instanceOf(tab: Tab, options: AxiosRequestConfig = {}): AxiosInstance {
  const { fetch } = tab.scope()
  return axios.create({ baseURL: 'https://api.example.com', adapter: 'fetch', env: { fetch, Request, Response }, ...options } as AxiosRequestConfig)
}

async function page(world: World): Promise<{ tab: Tab; http: AxiosInstance; takeBack: () => void }> {
  const tab = world.browser().open({ streamUrl: null })
  await world.run(1_000)
  const http = instanceOf(tab)
  return { tab, http, takeBack: installAxios(tab.keyturn, http) }
}

/** The outcome of a call, after enough time. */
async function settled<T>(world: World, call: Promise<T>, ms = 5_000): Promise<T> {
  call.catch(() => {})
  for (let i = 0; i < 50; i++) await world.run(ms / 50)
  return call
}

describe('an axios instance', () => {
  test('of a page that is left for a sign-in rejects with the error that says so', async () => {
    covers('RET-07')
    const world = new World()
    const tab = world.browser().open({ streamUrl: null, settings: { signIn: 'redirect' } })
    await world.run(1_000)
    const http = instanceOf(tab)
    installAxios(tab.keyturn, http)
    world.server.turn(second, { keep: false, silent: true })
    world.server.refreshScript = () => problem(401, 'session_missing')
    const error = await settled(world, http.get('/reports')).catch((e) => e)
    expect([error.code, error.message, tab.address.gone.length]).toEqual(['redirecting', 'TOKEN_REFRESH_IN_PROGRESS', 1])
  })

  test('carries the token and recovers: the app sees the good answer alone', async () => {
    covers('DET-10', 'RET-01')
    const world = new World()
    const { tab, http } = await page(world)
    const seen: number[] = []
    http.interceptors.response.use((response) => (seen.push(response.status), response), (error) => (seen.push(error.response?.status), Promise.reject(error)))
    let asked = 0
    http.interceptors.request.use((config) => (asked++, config))
    world.server.turn(second, { keep: false })
    const response = await settled(world, http.post('/reports', { a: 'ü' }))
    expect([response.status, response.data]).toEqual([200, { ok: true, key: 'k2' }])
    expect([seen, asked, tab.refreshes]).toEqual([[200], 1, 2])
    expect(world.server.seen.map((s) => [s.method, s.body, s.status])).toEqual([['POST', '{"a":"ü"}', 401], ['POST', '{"a":"ü"}', 200]])
  })

  test('refused for ever rejects with the error that axios gives, its data read as ever', async () => {
    covers('RET-06')
    const world = new World()
    const { tab, http } = await page(world)
    world.server.apiScript = () => problem(401, 'signature_invalid')
    const error = await settled(world, http.get('/reports', { params: { x: 1 } })).catch((e) => e)
    expect([error.isAxiosError, error.code, error.response.status, error.response.data.code]).toEqual([true, 'ERR_BAD_REQUEST', 401, 'signature_invalid'])
    expect([error.config.url, error.config.params, error.config.baseURL, error.response.config === error.config]).toEqual(['/reports', { x: 1 }, 'https://api.example.com', true])
    expect([world.server.seen.length, tab.refreshes]).toEqual([2, 2])
  })

  test('whose validateStatus takes a 401 recovers too', async () => {
    const world = new World()
    const { http } = await page(world)
    world.server.turn(second, { keep: false })
    expect((await settled(world, http.get('/reports', { validateStatus: () => true }))).status).toBe(200)
  })

  test('whose options an app sends again is recovered once each time', async () => {
    const world = new World()
    const { tab, http } = await page(world)
    world.server.apiScript = () => problem(401, 'signature_invalid')
    const error = await settled(world, http.get('/reports')).catch((e) => e)
    world.server.apiScript = () => null
    world.server.turn(second, { keep: false })
    const response = await settled(world, http.request(error.config))
    expect([response.status, world.server.seen.length, tab.refreshes]).toEqual([200, 4, 3])
  })

  test('of three, ten requests each: one refresh', async () => {
    covers('REF-04')
    const world = new World()
    const { tab, http } = await page(world)
    const all = [http, instanceOf(tab), instanceOf(tab)]
    for (const one of all.slice(1)) installAxios(tab.keyturn, one)
    world.server.turn(second, { keep: false })
    const calls = all.flatMap((one) => Array.from({ length: 10 }, (_, i) => one.get(`/reports/${i}`)))
    const answers = await settled(world, Promise.all(calls))
    expect([answers.map((a) => a.status), tab.refreshes]).toEqual([answers.map(() => 200), 2])
  })

  test('never sends a stream twice', async () => {
    covers('RET-05')
    const world = new World()
    const { tab, http } = await page(world)
    world.server.turn(second, { keep: false })
    const data = new Blob(['streamed']).stream()
    const error = await settled(world, http.post('/reports', data, { headers: { 'content-type': 'application/octet-stream' } })).catch((e) => e)
    expect([error.response.status, tab.refreshes, world.server.seen.length]).toEqual([401, 1, 1])
    expect(tab.said('A streamed body can only be sent once')).toBe(1)
  })

  test('marked as having had its refresh goes to the caller', async () => {
    covers('LOOP-01')
    const world = new World()
    const { tab, http } = await page(world)
    world.server.turn(second, { keep: false })
    const error = await settled(world, http.get('/reports', { _attemptedRefresh: true } as AxiosRequestConfig)).catch((e) => e)
    expect([error.response.status, tab.refreshes, tab.said('Already attempted refresh')]).toEqual([401, 1, 1])
  })

  test.each<[string, (gone: AbortController) => AxiosRequestConfig]>([
    ['a signal', (gone) => ({ signal: gone.signal })],
    ['a cancel token', (gone) => ({
      cancelToken: new axios.CancelToken((cancel) => gone.signal.addEventListener('abort', () => cancel('left'))),
    })],
  ])('ended by %s during the refresh is a cancellation, and not sent again', async (_, options) => {
    const world = new World()
    const { http } = await page(world)
    world.server.turn(second, { keep: false })
    world.server.refreshScript = () => new Promise(() => {})
    const gone = new AbortController()
    const call = http.get('/reports', options(gone))
    call.catch(() => {})
    for (let i = 0; i < 20; i++) await world.run(10)
    expect(world.server.seen).toHaveLength(1)
    gone.abort()
    const error = await settled(world, call).catch((e) => e)
    expect([axios.isCancel(error), world.server.seen.length]).toEqual([true, 1])
  })

  test('leaves nothing with a token of cancellation that many requests share', async () => {
    covers('PERF-04')
    const world = new World()
    const { http } = await page(world)
    const { token: cancelToken } = axios.CancelToken.source()
    for (let i = 0; i < 20; i++) await settled(world, http.get('/reports', { cancelToken }), 500)
    expect((cancelToken as unknown as { _listeners: unknown[] | null })._listeners ?? []).toEqual([])
  })

  test('sends the token to the client’s origins only, and leaves other credentials alone', async () => {
    const world = new World()
    const { http } = await page(world)
    const heard: (string | null)[] = []
    world.server.apiScript = (request) => (heard.push(request.headers.get('authorization')), Response.json({}))
    await settled(world, http.get('/reports'))
    await settled(world, http.get('https://evil.example/reports'))
    await settled(world, http.get('/reports', { headers: { Authorization: 'Basic eA==' } }))
    expect(heard).toEqual([expect.stringMatching(/^Bearer /), null, 'Basic eA=='])
  })

  test('a network failure is no auth failure', async () => {
    covers('DET-12')
    const world = new World()
    const { tab, http } = await page(world)
    world.server.apiScript = () => Promise.reject(new TypeError('Failed to fetch'))
    const error = await settled(world, http.get('/reports')).catch((e) => e)
    expect([error.code, tab.refreshes]).toEqual(['ERR_NETWORK', 1])
  })

  test('stands back where the page’s XMLHttpRequest does it, for options that are sent again too', async () => {
    const world = new World()
    const { tab, http } = await page(world)
    world.server.apiScript = () => problem(401, 'signature_invalid')
    const before = await settled(world, http.get('/reports')).catch((e) => e)
    const patched = class {}
    Object.defineProperty(patched.prototype, Symbol.for('keyturn.xhr'), { value: true })
    vi.stubGlobal('XMLHttpRequest', patched)
    for (const config of [{ url: '/reports' }, before.config]) await settled(world, http.request(config)).catch(() => {})
    vi.unstubAllGlobals()
    expect([world.server.seen.length, tab.refreshes, world.server.seen.at(-2)!.sub]).toEqual([4, 2, null])
  })

  test('given back is as it was', async () => {
    const world = new World()
    const { http, takeBack } = await page(world)
    takeBack()
    const error = await settled(world, http.get('/reports')).catch((e) => e)
    expect([error.response.status, world.server.seen[0]!.sub]).toEqual([401, null])
  })

  test('what is no client is refused, and named', () => {
    expect(() => installAxios({ fetch } as never, axios.create())).toThrow('this is no client')
  })
})
