import { expect, test } from 'vitest'
import { covers } from './covers.js'
import { until } from './daemon.js'
import { call, signIn, status } from './page.js'
import { setStage } from './stage.js'

const stage = setStage()

test('with the socket blocked, a call under a dropped key is refreshed once and replayed once', async () => {
  covers('DET-02', 'RET-01', 'EDGE-14')
  const { daemon, context, page, traffic } = stage
  await context.routeWebSocket(/\/v1\/stream/, (socket) => { void socket.close({ code: 1013 }) })
  await signIn(page, daemon.url, 'alice', ['user'], { socket: false })
  const before = await status(page)
  const turned = await daemon.run('rotate', 'demo', '--compromise')
  expect(turned, turned.out).toMatchObject({ code: 0 })

  const refreshes = traffic.refreshes.length
  const calls: number[] = []
  page.on('response', (r) => { if (r.url().endsWith('/api/hello')) calls.push(r.status()) })
  expect(await call(page, '/api/hello')).toBe(200)
  expect(calls).toEqual([401, 200])
  expect(traffic.refreshes.length - refreshes).toBe(1)
  expect((await status(page)).token?.kid).not.toBe(before.token?.kid)
  expect(traffic.lines.some((l) => l.includes('🔄') || l.includes('JWT'))).toBe(true)
})

test('a 403 for want of a role is refreshed and replayed once, and never again under the same claims', async () => {
  covers('LOOP-04', 'ACC-1', 'ACC-5')
  const { daemon, page, traffic } = stage
  await signIn(page, daemon.url, 'alice', ['user'])
  const calls: number[] = []
  page.on('response', (r) => { if (r.url().endsWith('/api/admin')) calls.push(r.status()) })
  const refreshes = traffic.refreshes.length
  expect(await call(page, '/api/admin')).toBe(403)
  expect(calls).toEqual([403, 403])
  expect(traffic.refreshes.length - refreshes).toBe(1)

  expect(await call(page, '/api/admin')).toBe(403)
  expect(calls).toEqual([403, 403, 403])
  expect(traffic.refreshes.length - refreshes).toBe(1)

  await page.reload()
  await until(async () => (await status(page)).socket === 'open', 'the page is back')
  const reloaded = traffic.refreshes.length
  expect(await call(page, '/api/admin')).toBe(403)
  expect(traffic.refreshes.length - reloaded).toBe(0)
  expect(traffic.lines.some((l) => l.includes('[fetchWithAuth] Token already refreshed, still 403 - user lacks permission'))).toBe(true)
})

test('a leaked key is dropped at once and the page moves without losing a call', async () => {
  covers('ACC-16')
  const { daemon, page } = stage
  await signIn(page, daemon.url, 'alice', ['user'])
  const before = await status(page)
  const turned = await daemon.run('rotate', 'demo', '--compromise')
  expect(turned, turned.out).toMatchObject({ code: 0 })
  expect(await call(page, '/api/hello')).toBe(200)
  await until(async () => {
    const now = await status(page)
    return now.socket === 'open' && now.token?.key === now.key && now.key !== before.key
  }, 'the page is connected under the new key')
})
