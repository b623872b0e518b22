import { expect, test } from 'vitest'
import { connected, moved, serveApp, signInto, visit } from './app.js'
import { setAppStage } from './appstage.js'
import { covers } from './covers.js'
import { until } from './daemon.js'
import { call, status } from './page.js'

const stage = setAppStage()

interface Client {
  logout(): Promise<void>
  getToken(): Promise<string | null>
}
type Win = { keyturn: Client }

async function rotate(...flags: string[]): Promise<void> {
  const turned = await stage.daemon.run('rotate', 'demo', ...flags)
  expect(turned, turned.out).toMatchObject({ code: 0 })
}

test('with the refresh endpoint down for ten seconds after a leak, the page recovers by itself', async () => {
  covers('ACC-15')
  const { front } = stage
  serveApp(front)
  const { page, traffic } = await visit(await stage.context(), `${front.url}/app`)
  await signInto(page, 'alice')
  const before = await status(page)
  traffic.restart()
  let first = 0
  front.on('/auth/refresh', (c) => {
    first ||= Date.now()
    if (Date.now() - first < 10_000) c.reply(503, { 'retry-after': '1', 'cache-control': 'no-store' })
    else void c.forward()
  })
  await rotate('--compromise')
  await moved(page, before)
  expect(await call(page, '/api/hello')).toBe(200)
  expect(traffic.errors).toEqual([])
  // The waits grow: a page that hammers would have asked far more often in ten seconds.
  expect(traffic.refreshes.length).toBeLessThan(12)
})

test('with the socket blocked as well, a page that calls on and on spends no budget, and recovers once the endpoint is back', async () => {
  covers('LOOP-07', 'EDGE-14')
  const { front } = stage
  serveApp(front)
  front.stream = 'none'
  const { page, traffic } = await visit(await stage.context(), `${front.url}/app`)
  await signInto(page, 'alice', ['user'], false)
  await rotate('--compromise')
  traffic.restart()
  let down = true
  const asks: number[] = []
  front.on('/auth/refresh', (c) => {
    asks.push(Date.now())
    if (down) c.reply(503, { 'cache-control': 'no-store' })
    else void c.forward()
  })
  const calls = page.evaluate(async () => {
    const statuses: number[] = []
    while (statuses.at(-1) !== 200) {
      statuses.push((await fetch('/api/hello')).status)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return statuses
  })
  await until(() => Date.now() - (asks[0] ?? Date.now()) > 10_000 && asks.length > 2, 'the endpoint was down for ten seconds, and asked again')
  const vain = asks.length
  down = false
  const statuses = await calls
  expect(statuses.filter((s) => s !== 401)).toEqual([200])
  // More than the budget would allow were it spent, and far less than hammering.
  expect(statuses.length).toBeGreaterThan(1)
  expect(vain).toBeGreaterThan(2)
  expect(vain).toBeLessThan(7)
  expect(asks.length).toBe(vain + 1)
  expect(traffic.lines.filter((l) => l.includes('three refreshes after failures'))).toEqual([])
  expect(traffic.errors).toEqual([])
})

test('a second rotation while a refresh is under way: the newest key wins, after one refresh more', async () => {
  covers('EDGE-09', 'ACC-7')
  const { front } = stage
  serveApp(front)
  const { page, traffic } = await visit(await stage.context(), `${front.url}/app`)
  await signInto(page, 'alice')
  const before = await status(page)
  traffic.restart()
  let release = (): void => {}
  const second = new Promise<void>((resolve) => { release = resolve })
  let held = false
  front.on('/auth/refresh', async (c) => {
    held = true
    await second
    await c.forward()
  })
  await rotate('--compromise')
  await until(() => held, 'the first refresh has begun')
  await rotate('--compromise')
  release()
  const after = await moved(page, before)
  expect(await call(page, '/api/hello')).toBe(200)
  expect((await status(page)).token?.key).toBe(after.key)
  expect(traffic.refreshes.length).toBeLessThanOrEqual(2)
  expect(new Set(front.of('/api/hello').map((s) => s.status))).toEqual(new Set([200]))
})

test('a rotation that is taken back is followed', async () => {
  covers('EDGE-10')
  const { front, daemon } = stage
  serveApp(front)
  const { page, traffic } = await visit(await stage.context(), `${front.url}/app`)
  await signInto(page, 'alice')
  const before = await status(page)
  let kept = ''
  daemon.edit((keys) => {
    const [old] = keys
    kept = old?.kid ?? ''
    return [{ ...old!, kid: 'forward', secret: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url') }, { ...old!, stage: 'previous' }]
  })
  const there = await moved(page, before)
  expect(there.kid).toBe('forward')
  daemon.edit((keys) => keys.map((k) => ({ ...k, stage: k.kid === kept ? 'current' : 'previous' })))
  const back = await moved(page, there)
  expect(back.kid).toBe(kept)
  expect(back.token?.key).toBe(before.key)
  expect(traffic.refused.filter((line) => !line.includes('/auth/refresh'))).toEqual([])
})

test('a logout during a refresh wins, in both tabs, and one can sign in again', async () => {
  covers('EDGE-02', 'SEC-07')
  const { front } = stage
  serveApp(front)
  const context = await stage.context()
  const one = await visit(context, `${front.url}/app`)
  await signInto(one.page, 'alice')
  const two = await visit(context, `${front.url}/app`)
  await connected(two.page)

  let release = (): void => {}
  const released = new Promise<void>((resolve) => { release = resolve })
  let held = false
  front.on('/auth/refresh', async (c) => {
    held = true
    await released
    await c.forward()
  })
  await rotate('--compromise')
  await until(() => held, 'a refresh is under way')
  await two.page.evaluate(() => (window as unknown as Win).keyturn.logout())
  release()
  for (const { page, traffic } of [one, two]) {
    await until(async () => (await status(page)).token === null, 'no tab holds a token')
    expect(await page.evaluate(() => (window as unknown as Win).keyturn.getToken())).toBe(null)
    expect(traffic.errors).toEqual([])
  }
  await until(() => front.of('/auth/refresh').every((s) => s.status !== 0), 'the held refresh is answered')
  for (const { page } of [one, two]) expect((await status(page)).token).toBe(null)

  front.on('/auth/refresh', undefined)
  await one.page.reload()
  await until(async () => (await call(one.page, '/api/hello')) === 401, 'a reload brings nobody back')
  await signInto(one.page, 'bob')
  expect(await call(one.page, '/api/hello')).toBe(200)
})

test("a bare fetch and an XMLHttpRequest with a body recover as the client's own calls do", async () => {
  covers('DET-10', 'RET-01', 'RET-04')
  const { front } = stage
  serveApp(front)
  front.stream = 'none'
  const { page } = await visit(await stage.context(), `${front.url}/app`)
  await signInto(page, 'alice', ['user'], false)
  // A protected endpoint that takes an upload: the daemon decides about the token, the test keeps the body.
  const uploads: string[] = []
  front.on('/api/upload', async (c) => {
    uploads.push(c.body.toString())
    const answer = await fetch(`${stage.daemon.url}/api/hello`, { headers: { authorization: c.request.headers.authorization ?? '' } })
    c.reply(answer.status, { 'www-authenticate': answer.headers.get('www-authenticate') ?? '', 'content-type': 'application/json' }, await answer.text())
  })

  await rotate('--compromise')
  const fetched = await page.evaluate(async () => {
    const answer = await fetch('/api/upload', { method: 'PUT', body: 'by fetch' })
    return { status: answer.status, said: ((await answer.json()) as { hello: string }).hello }
  })
  expect(fetched).toEqual({ status: 200, said: 'alice' })
  expect(uploads).toEqual(['by fetch', 'by fetch'])

  await rotate('--compromise')
  const sent = await page.evaluate(() => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', '/api/upload')
    request.onload = () => { resolve({ status: request.status, text: request.responseText.includes('alice') }) }
    request.onerror = reject
    request.send(new Blob(['by request']))
  }))
  expect(sent).toEqual({ status: 200, text: true })
  expect(uploads.slice(2)).toEqual(['by request', 'by request'])
})
