import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { launch } from './chromium.js'
import { covers } from './covers.js'
import { until } from './daemon.js'

// A page with the script's tag, an API that takes tokens of the current kid only, and an endpoint that gives them.
const script = readFileSync(new URL('../../broadcaster/client/dist/keyturn.js', import.meta.url))
const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

let browser: Browser
let server: Server
let page: Page
let base: string
let kid: number
let refreshes: number
/** How long the endpoint takes, in ms; null: for ever. */
let slow: number | null
let calls: { status: number, body: string, type: string }[]

beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

beforeEach(async () => {
  kid = 1
  refreshes = 0
  slow = 0
  calls = []
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://x')
    const json = (status: number, body: unknown, type = 'application/json'): void => {
      response.writeHead(status, { 'content-type': type, 'www-authenticate': status === 401 ? 'Bearer error="invalid_token"' : [] })
      response.end(JSON.stringify(body))
    }
    if (pathname === '/keyturn.js') response.writeHead(200, { 'content-type': 'text/javascript' }).end(script)
    else if (pathname === '/auth/refresh') {
      refreshes++
      const iat = Math.floor(Date.now() / 1000)
      const access_token = `${b64({ alg: 'none', kid: `k${kid}` })}.${b64({ sub: 'alice', iat, exp: iat + 900 })}.c2ln`
      if (slow !== null) setTimeout(() => json(200, { access_token, expires_in: 900, kid: `k${kid}` }), slow)
    } else if (pathname === '/auth/config-status') json(401, { code: 'token_missing' })
    else if (pathname === '/api') {
      let body = ''
      request.on('data', (chunk) => { body += chunk })
      request.on('end', () => {
        const token = request.headers.authorization?.split('.')[0]?.slice(7) ?? ''
        const status = Buffer.from(token, 'base64url').toString().includes(`"k${kid}"`) ? 200 : 401
        calls.push({ status, body, type: request.headers['content-type'] ?? '' })
        json(status, status === 200 ? { ok: true } : { code: 'key_retired' }, status === 200 ? undefined : 'application/problem+json')
      })
    } else response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>x</title><script src="/keyturn.js" data-origins="self"></script>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  page = await browser.newPage()
  await page.goto(base)
  await page.waitForFunction(() => (window as any).keyturn?.status().token)
})
afterEach(async () => {
  await page.close()
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections() // after close, so that none comes meanwhile
  await closed
})

interface Sent { readonly seen: string[], readonly status: number, readonly body: string, readonly state: number }

/** Sends by XMLHttpRequest in the page; what its app sees until it has ended. */
function send(method: string, kind: 'none' | 'text' | 'form', options: { timeout?: number, type?: XMLHttpRequestResponseType } = {}): Promise<Sent> {
  return page.evaluate(async ([method, kind, { timeout = 0, type = '' }]) => {
    const xhr = (window as any).sent = new XMLHttpRequest()
    const seen: string[] = []
    const note = (name: string): number => seen.push(`${name} ${xhr.readyState} ${xhr.status}`)
    // Some before open(), as properties; some after, as listeners.
    for (const name of ['onloadstart', 'onload', 'onerror', 'onabort', 'ontimeout'] as const) xhr[name] = (event) => note(event.type)
    xhr.onreadystatechange = (event) => note(event.type)
    xhr.open(method, '/api')
    xhr.timeout = timeout
    xhr.responseType = type
    if (kind !== 'none') for (const name of ['loadstart', 'load', 'loadend'] as const) xhr.upload.addEventListener(name, () => seen.push(`upload ${name}`))
    const ended = new Promise((resolve) => xhr.addEventListener('loadend', (event) => resolve(note(event.type))))
    const form = new FormData()
    form.set('file', new Blob(['content']), 'x.txt')
    xhr.send(kind === 'form' ? form : kind === 'text' ? 'text' : null)
    await ended
    await new Promise((resolve) => setTimeout(resolve))
    return { seen, status: xhr.status, body: JSON.stringify(xhr.response), state: xhr.readyState }
  }, [method, kind, options] as const)
}

test.each<['none' | 'text' | 'form', XMLHttpRequestResponseType]>([['none', ''], ['text', 'json'], ['form', 'text']])(
  'an XMLHttpRequest with body %s and type %j that is refused and recovered shows its app what a good one shows', async (kind, type) => {
    covers('DET-10', 'RET-01', 'RET-04')
    const good = await send('POST', kind, { type })
    kid++
    const recovered = await send('POST', kind, { type })
    expect(recovered).toEqual(good)
    expect([good.status, calls.map(({ status }) => status), refreshes]).toEqual([200, [200, 401, 200], 2])
    const [, first, again] = calls
    if (kind === 'text') expect([first!.body, again!.body]).toEqual(['text', 'text'])
    if (kind === 'form') {
      for (const { body, type: sent } of [first!, again!]) {
        expect(body).toMatch(/filename="x.txt"[^]*content/)
        expect(body).toContain(/boundary=(.*)/.exec(sent)![1]!)
      }
    }
  })

test('one that stays refused shows the refusal, whole', async () => {
  covers('RET-06')
  const good = await send('GET', 'none')
  kid = 99
  await page.route('**/auth/refresh', (route) => route.fulfill({ status: 503 }))
  const refused = await send('GET', 'none')
  expect(refused.seen).toEqual(good.seen.map((line) => line.replace('200', '401')))
  expect(refused.body).toContain('key_retired')
})

test('one that its app ends, or that is over its time, during the refresh ends as a browser ends it', async () => {
  slow = null
  kid++
  const sent = send('GET', 'none')
  await until(() => refreshes === 2, 'the refresh has begun')
  await page.evaluate(() => { (window as any).sent.abort() })
  const aborted = await sent
  expect(aborted.seen).toEqual(['readystatechange 1 0', 'loadstart 1 0', 'readystatechange 4 0', 'abort 4 0', 'loadend 4 0'])
  expect(aborted.state).toBe(0)
  const late = await send('GET', 'none', { timeout: 3000 }) // by then it has long been refused
  expect(late.seen).toEqual(['readystatechange 1 0', 'loadstart 1 0', 'readystatechange 4 0', 'timeout 4 0', 'loadend 4 0'])
  expect(calls.map(({ status }) => status)).toEqual([401, 401])
})

test('a synchronous one goes out as it is', async () => {
  const status = await page.evaluate(() => {
    const xhr = new XMLHttpRequest()
    xhr.open('GET', '/api', false)
    xhr.send()
    return xhr.status
  })
  expect([status, refreshes]).toEqual([401, 1])
})
