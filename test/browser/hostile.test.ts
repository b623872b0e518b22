import type { WebSocketRoute } from 'playwright-core'
import { expect, test } from 'vitest'
import { serveApp, signInto, type Visit, visit } from './app.js'
import { setAppStage } from './appstage.js'
import { covers } from './covers.js'
import { until } from './daemon.js'
import { call, status } from './page.js'

const stage = setAppStage()

/** A page whose server says, besides the truth, whatever the test wants it to; `true` frames go on. */
async function lied(): Promise<Visit & { say: (frame: string) => void, states: string[] }> {
  const context = await stage.context()
  const states: string[] = []
  let route: WebSocketRoute | undefined
  await context.routeWebSocket(/\/v1\/stream/, (socket) => {
    route = socket
    const server = socket.connectToServer()
    server.onMessage((m) => {
      if (String(m).includes('"type":"state"')) states.push(String(m))
      socket.send(m)
    })
  })
  // A routed socket goes to the daemon as the page's own origin would.
  serveApp(stage.front)
  const v = await visit(context, `${stage.daemon.url}/?auto=off`)
  await signInto(v.page, 'alice')
  v.traffic.restart()
  return { ...v, states, say: (frame) => route?.send(frame) }
}

test('frames that are none change nothing, and the next good one is heard', async () => {
  covers('EDGE-11')
  const { page, traffic, say, states } = await lied()
  const before = await status(page)
  const state = JSON.parse(states.at(-1)!) as Record<string, unknown>
  const frames = [
    '', '{', 'null', '[]', '7', '"state"', '{"type":7}', '{"type":"state"}', '{"type":"__proto__"}', '{"__proto__":{"polluted":1},"type":"state"}',
    JSON.stringify({ ...state, rev: 'many' }), JSON.stringify({ ...state, rev: -1, key: 'x' }), JSON.stringify({ ...state, ring: 'another', rev: 9e15, key: 'x' }),
    JSON.stringify({ ...state, pending: 'all', rev: 9e15 }), `{"type":"welcome","key":{}}`, '{"type":"drain","withinMs":"soon"}', 'x'.repeat(100_000),
  ]
  for (const f of frames) say(f)
  const heard = traffic.frames
  await until(() => traffic.frames > heard, 'a beacon comes')
  const now = await status(page)
  expect([now.key, now.token?.key, now.socket]).toEqual([before.key, before.token?.key, 'open'])
  expect(await page.evaluate(() => ({} as any).polluted)).toBe(undefined)
  expect(traffic.refreshes).toEqual([])
  expect(traffic.errors).toEqual([])
})

test('the same event five times, and older ones after it, are one event', async () => {
  covers('EDGE-11')
  const { page, traffic, say, states } = await lied()
  const old = states.at(-1)!
  const before = await status(page)
  expect((await stage.daemon.run('rotate', 'demo', '--compromise')).code).toBe(0)
  await until(async () => (await status(page)).token?.key !== before.token?.key && (await status(page)).socket === 'open', 'the page moved')
  const count = traffic.refreshes.length
  const last = states.at(-1)!
  for (let i = 0; i < 5; i++) say(last)
  say(old)
  const heard = traffic.frames
  await until(() => traffic.frames > heard, 'a beacon comes')
  expect((await status(page)).key).not.toBe(before.key)
  expect(traffic.refreshes.length).toBe(count)
})

test('a flood of a thousand forged events causes no flood of refreshes', async () => {
  covers('SEC-10')
  const { page, traffic, say, states } = await lied()
  const state = JSON.parse(states.at(-1)!) as Record<string, unknown>
  const began = Date.now()
  for (let i = 1; i <= 1000; i++) {
    say(JSON.stringify({ ...state, rev: (state.rev as number) + i, key: `forged-${i}`, kid: `<img src=x onerror=alert(${i})>`, sinceMs: 0, urgency: 'compromise', refresh: { afterMs: 0, windowMs: 0 } }))
  }
  await until(() => traffic.refreshes.length > 0, 'the first one is believed', 240_000)
  const heard = traffic.frames
  await until(() => traffic.frames >= heard + 8, 'eight beacons have passed', 240_000)
  // However long a slow machine takes over them: the first one, and one in ten seconds.
  expect(traffic.refreshes.length).toBeLessThanOrEqual(2 + Math.floor((Date.now() - began) / 10_000))
  expect(traffic.errors).toEqual([])
  expect(await call(page, '/api/hello')).toBe(200)
}, 300_000)

test('markers in storage that somebody has written over are no markers, and break nothing', async () => {
  covers('EDGE-14', 'LOOP-04')
  const { front } = stage
  serveApp(front)
  const { page, traffic } = await visit(await stage.context(), `${front.url}/app`)
  await signInto(page, 'alice')
  expect(await call(page, '/api/admin')).toBe(403)
  for (const value of ['', '{', 'null', '[[]]', '{"__proto__":{"polluted":1}}', '<img src=x onerror=alert(1)>', 'NaN,NaN', '9'.repeat(400), 'x'.repeat(50_000)]) {
    await page.evaluate((v) => {
      for (const storage of [localStorage, sessionStorage]) for (const name of Object.keys(storage)) if (name.startsWith('keyturn')) storage[name] = v
    }, value)
    await page.reload()
    await until(async () => (await status(page)).token !== null, 'the page is signed in')
    expect(await call(page, '/api/hello')).toBe(200)
  }
  expect(await page.evaluate(() => ({} as any).polluted)).toBe(undefined)
  expect(traffic.errors).toEqual([])
})

test('a wrong setting is refused with a word that helps, and nothing has changed', async () => {
  covers('CFG-04', 'API-06')
  const { front } = stage
  serveApp(front)
  const { page } = await visit(await stage.context(), `${front.url}/app`)
  const said = await page.evaluate(() => {
    const manager = (window as any).__dynamicAuthManager
    const before = JSON.stringify(manager.getConfig())
    const tries = ['{"maxRetry":1}', '{"refreshUrl":"https://evil.example"}', '{"origins":"*"}', '{"__proto__":{"debug":true}}', '{"constructor":1}', '{"toString":1}']
    const words = tries.map((t) => { try { manager.updateConfig(JSON.parse(t)); return 'taken' } catch (e) { return `${(e as Error).name}: ${(e as Error).message}` } })
    manager.updateConfig({ maxRetries: 1e9, refreshDelayMs: 'soon', notifyOnSuccess: '<b>' })
    return { words, same: JSON.stringify(manager.getConfig()) === before }
  })
  expect(said.words[0]).toMatch(/TypeError: .*maxRetry.*did you mean maxRetries/)
  for (const word of said.words.slice(1, 3)) expect(word).toMatch(/TypeError: .*fixed/)
  for (const word of said.words.slice(3)) expect(word).toMatch(/^TypeError/)
  expect(said.same).toBe(true)
})

test('markup in the server\'s words is shown as the text that it is', async () => {
  covers('NOT-20', 'ACC-6')
  const { front } = stage
  serveApp(front)
  const { page, traffic } = await visit(await stage.context(), `${front.url}/app`)
  await signInto(page, 'alice')
  const words = 'No <img src=x onerror="window.hit=1"><script>window.hit=1</script> for you'
  front.on('/api/closed', (c) => { c.reply(403, { 'content-type': 'application/problem+json' }, JSON.stringify({ code: 'role_missing', detail: words })) })
  expect(await call(page, '/api/closed')).toBe(403)
  await page.locator('keyturn-notice').getByText('Access Denied').waitFor()
  expect(await page.locator('keyturn-notice').evaluate((n) => n.shadowRoot!.textContent)).toContain('<img src=x')
  expect(await page.locator('keyturn-notice').evaluate((n) => n.shadowRoot!.querySelectorAll('img, script').length)).toBe(0)
  expect(await page.evaluate(() => (window as any).hit)).toBe(undefined)
  expect(traffic.errors).toEqual([])
})
