import { expect, test } from 'vitest'
import { serveApp, signInto, visit } from './app.js'
import { setAppStage } from './appstage.js'
import { covers } from './covers.js'
import { until } from './daemon.js'
import { call, status } from './page.js'

const stage = setAppStage()

/** A worker as careless apps have it: what it once had it serves for ever. */
const worker = `
  addEventListener('install', () => skipWaiting())
  addEventListener('activate', (e) => e.waitUntil(clients.claim()))
  addEventListener('fetch', (e) => {
    if (!/asset|config/.test(e.request.url)) return
    e.respondWith(caches.open('old').then(async (cache) => {
      const hit = await cache.match(e.request, { ignoreSearch: true })
      if (hit) return hit
      const answer = await fetch(e.request)
      await cache.put(e.request, answer.clone())
      return answer
    }))
  })`

test('a hard refresh gets what is new past a stale worker and the caches, and keeps place, session and data', async () => {
  covers('NOT-12', 'EDGE-18', 'DOC-02')
  const { front, daemon } = stage
  const forever = { 'cache-control': 'max-age=31536000, immutable' }
  const release = (n: number): void => {
    front.file('/asset.js', 'text/javascript', `window.asset = ${n}; window.config = fetch('/config.json').then((r) => r.json())`, forever)
    front.file('/config.json', 'application/json', `{"release":${n}}`, forever)
  }
  front.file('/worker.js', 'text/javascript', worker)
  // To register a worker is no thing of the client's, and not allowed under its usual policy.
  serveApp(front, '/app', { scripts: ['/asset.js'], headers: { 'content-security-policy': `default-src 'self'; connect-src 'self' ${front.url.replace('http', 'ws')}` } })
  release(1)
  const where = `${front.url}/app?page=2#row-7`
  const { page } = await visit(await stage.context(), where)
  await signInto(page, 'alice')
  await page.evaluate(async () => {
    await navigator.serviceWorker.register('/worker.js')
    await navigator.serviceWorker.ready
    localStorage.draft = 'kept'
  })
  const seen = (): Promise<unknown> => page.evaluate(async () => ({
    asset: (window as any).asset, config: (await (window as any).config).release,
  }))
  await page.reload()
  expect(await seen(), 'the worker has both').toEqual({ asset: 1, config: 1 })
  release(2)
  await page.reload()
  expect(await seen(), 'a plain reload changes nothing').toEqual({ asset: 1, config: 1 })
  await until(async () => (await status(page)).socket === 'open', 'the page is connected')

  // The token fails for good, and the notice proposes what helps.
  front.on('/auth/refresh', (c) => { c.reply(500) })
  expect((await daemon.run('rotate', 'demo', '--compromise')).code).toBe(0)
  await until(async () => (await call(page, '/api/hello')) === 401, 'a call fails')
  const button = page.locator('keyturn-notice').getByRole('button', { name: 'Hard Refresh Page' })
  await button.waitFor()
  front.on('/auth/refresh', undefined)
  let loads = 0
  page.on('load', () => { loads++ })
  await button.click()
  // A page under a worker is loaded twice, the second time without it.
  await until(() => loads === 2, 'the page is the last one')
  expect(await seen(), 'the page is the new one').toEqual({ asset: 2, config: 2 })
  await until(async () => (await status(page)).token !== null, 'the session is still there')
  expect(page.url()).toBe(where)
  expect(await page.evaluate(async () => [
    (await navigator.serviceWorker.getRegistrations()).length, await caches.keys(), localStorage.draft,
  ])).toEqual([0, [], 'kept'])
  expect(await call(page, '/api/hello')).toBe(200)
  expect(await page.evaluate(() => (window as any).keyturn.getJWTValidationStats().hardRefreshes)).toBe(1)
})

test('what tells of keys and tokens is never cached', async () => {
  covers('EDGE-18')
  const { front } = stage
  serveApp(front)
  const { page } = await visit(await stage.context(), `${front.url}/app`)
  await signInto(page, 'alice')
  for (const [method, path] of [['POST', '/auth/refresh'], ['GET', '/auth/config-status'], ['GET', '/v1/state?ring=demo']] as const) {
    const policy = await page.evaluate(async ([m, p]) => (await fetch(p, { method: m })).headers.get('cache-control'), [method, path] as const)
    expect(policy, path).toMatch(/no-store|no-cache/)
  }
})
