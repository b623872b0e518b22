import { createServer } from 'node:http'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { connected, moved, policy, serveApp, signInto, visit } from './app.js'
import { setAppStage } from './appstage.js'
import { Traffic } from './chromium.js'
import { covers } from './covers.js'
import { until } from './daemon.js'
import { call, status } from './page.js'

const stage = setAppStage('--token-cookie')

/** The token as the browser holds it, where no script sees it. */
async function token(context: BrowserContext): Promise<string> {
  const found = (await context.cookies()).filter((c) => c.name === 'auth_token')
  expect(found.length).toBe(1)
  expect(found[0]).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/', domain: '127.0.0.1' })
  return found[0]!.value
}

/** What the console says that the token says. */
function says(page: Page): Promise<{ sub: string, roles: string[], iat: number }> {
  return page.evaluate(() => (window as any).keyturn.decodeToken().payload)
}

test('an app that wants no token in script gets none, anywhere, and works', async () => {
  covers('SEC-01', 'API-01', 'API-12')
  const { front } = stage
  serveApp(front)
  const context = await stage.context()
  const page = await context.newPage()
  const traffic = new Traffic(page)
  const frames: string[] = []
  const bodies: Promise<string>[] = []
  const urls: string[] = []
  const headers: string[] = []
  page.on('websocket', (socket) => {
    socket.on('framereceived', (f) => { frames.push(String(f.payload)) })
    socket.on('framesent', (f) => { frames.push(String(f.payload)) })
  })
  page.on('request', (r) => {
    urls.push(r.url())
    headers.push(JSON.stringify({ ...r.headers(), cookie: '' }))
  })
  page.on('requestfinished', (r) => {
    if (!/\.(js|ico)$|\/app$/.test(r.url())) bodies.push(r.response().then((a) => a?.text() ?? '').catch(() => ''))
  })
  await page.goto(`${front.url}/app`)
  // A body that the page does not read never ends for whoever watches.
  bodies.push(page.evaluate(async (who) => {
    const answer = await fetch('/auth/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(who) })
    return answer.text()
  }, { sub: 'cookie@example.com', roles: ['user', 'analyst'] }))
  await bodies.at(-1)
  await page.evaluate(() => (window as any).keyturn.signedIn())
  await connected(page)
  const tokens = new Set([await token(context)])
  expect(await call(page, '/api/hello')).toBe(200)
  expect(await page.evaluate(() => new Promise((resolve) => {
    const xhr = new XMLHttpRequest()
    xhr.onload = () => { resolve([xhr.status, xhr.withCredentials]) }
    xhr.open('GET', '/api/hello')
    xhr.send()
  }))).toEqual([200, true])
  await page.evaluate(() => (window as any).keyturn.refreshToken())
  tokens.add(await token(context))
  expect(tokens.size).toBe(2)
  // The connection goes on while another one brings the new cookie along.
  const presented = (): number => frames.filter((f) => f === '{"type":"auth"}').length
  await until(async () => presented() > 1 && (await status(page)).socket === 'open', 'the page is connected with its new token')

  const known = await page.evaluate(async () => {
    const { keyturn } = window as any
    return {
      current: [await keyturn.getCurrentToken(), await keyturn.getCurrentToken(), await keyturn.getToken()],
      info: keyturn.getTokenInfo(), decoded: keyturn.decodeToken(), stats: keyturn.getTokenStats(), valid: await keyturn.ensureValidToken(),
    }
  })
  const now = await token(context)
  const payload = JSON.parse(Buffer.from(now.split('.')[1]!, 'base64url').toString()) as { iat: number, exp: number }
  const { kid } = JSON.parse(Buffer.from(now.split('.')[0]!, 'base64url').toString()) as { kid: string }
  expect(known.current).toEqual([null, null, null])
  expect(known.info).toMatchObject({ length: now.length, kid, iat: payload.iat, exp: payload.exp })
  expect(known.decoded).toEqual({ header: { kid }, payload })
  expect(known.stats).toEqual(known.decoded)
  expect(known.valid).toMatchObject({ valid: true, token: null })
  expect(traffic.lines.filter((l) => l.includes('the app keeps it in a cookie that no script can read')).length).toBe(1)

  const left = await page.evaluate(() => ({
    storage: JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state, window.name]),
    cookies: document.cookie,
    dom: document.documentElement.outerHTML,
    debug: JSON.stringify((window as any).keyturn.getDebugInfo()),
  }))
  expect(left.cookies).toBe('')
  const places: Record<string, string> = {
    ...left, known: JSON.stringify(known), console: traffic.lines.join('\n'), urls: urls.join('\n'), headers: headers.join('\n'),
    frames: frames.join('\n'), answers: (await Promise.all(bodies)).join('\n'),
  }
  expect(places.answers).toContain('"claims"')
  expect(presented()).toBe(2)
  for (const [place, text] of Object.entries(places)) {
    expect(/eyJ[\w-]+/.test(text), `something like a token in ${place}`).toBe(false)
    for (const one of tokens) for (const part of one.split('.')) expect(text.includes(part), `a part of a token in ${place}`).toBe(false)
  }
  expect(traffic.errors).toEqual([])
})

test('logout clears the cookie, and so does the end of the session', async () => {
  covers('SEC-01', 'SEC-07')
  const { front } = stage
  serveApp(front)
  const context = await stage.context()
  const { page } = await visit(context, `${front.url}/app`)
  for (const way of ['logout', 'end']) {
    await signInto(page, 'alice')
    await token(context)
    if (way === 'end') await context.clearCookies({ name: 'keyturn' })
    await page.evaluate((how) => {
      const { keyturn } = window as any
      return how === 'logout' ? keyturn.logout() : keyturn.refresh().catch(() => {})
    }, way)
    expect((await context.cookies()).map((c) => c.name), way).toEqual([])
    expect((await status(page)).token).toBeNull()
    expect(await call(page, '/api/hello')).toBe(401)
  }
})

test('an idle page moves to the new key ahead of any failure, its connection first, and is counted as moved', async () => {
  covers('DET-07', 'SEC-01')
  const { front, daemon } = stage
  serveApp(front)
  const context = await stage.context()
  const { page, traffic } = await visit(context, `${front.url}/app`)
  await signInto(page, 'alice')
  let before = await status(page)
  traffic.restart()
  await page.evaluate(() => {
    const w = window as any
    w.statuses = []
    w.lost = 0
    w.keyturn.on('socket', ({ state }: { state: string }) => { if (state !== 'open') w.lost++ })
    w.timer = setInterval(() => { void w.keyturn.fetch('/api/hello').then((r: Response) => w.statuses.push(r.status)) }, 100)
  })
  for (let turn = 0; turn < 2; turn++) {
    const turned = await daemon.run('rotate', 'demo')
    expect(turned, turned.out).toMatchObject({ code: 0 })
    before = await moved(page, before)
    await until(async () => {
      const { out } = await daemon.run('status', 'demo', '--json')
      const { keys, waiting } = JSON.parse(out).census as { keys: Record<string, number>, waiting: number }
      return waiting === 0 && JSON.stringify(keys) === JSON.stringify({ [before.key!]: 1 })
    }, 'the server has counted the page under its new key')
  }
  const seen = await page.evaluate(() => {
    const w = window as any
    clearInterval(w.timer)
    return { statuses: [...new Set(w.statuses)], lost: w.lost }
  })
  expect(seen).toEqual({ statuses: [200], lost: 0 })
  expect([traffic.refused, traffic.refreshes.length, traffic.errors]).toEqual([[], 2, []])
})

test('with the socket blocked, calls under a dropped key are refreshed once and replayed once', async () => {
  covers('RET-01', 'EDGE-14')
  const { front, daemon } = stage
  front.stream = 'none'
  serveApp(front)
  const context = await stage.context()
  const { page, traffic } = await visit(context, `${front.url}/app`)
  await signInto(page, 'alice', ['user'], false)
  const old = await token(context)
  traffic.restart()
  const turned = await daemon.run('rotate', 'demo', '--compromise')
  expect(turned, turned.out).toMatchObject({ code: 0 })
  const statuses = await page.evaluate(() => Promise.all([
    fetch('/api/hello').then((r) => r.status),
    (window as any).keyturn.fetch('/api/hello').then((r: Response) => r.status),
    new Promise((resolve) => {
      const xhr = new XMLHttpRequest()
      xhr.onloadend = () => { resolve(xhr.status) }
      xhr.open('GET', '/api/hello')
      xhr.send()
    }),
  ]))
  expect(statuses).toEqual([200, 200, 200])
  expect([traffic.refreshes.length, traffic.refused.length]).toEqual([1, 3])
  expect(await token(context)).not.toBe(old)
})

test('a role that is granted while the page idles is there before a call needs it, and one that is missing is asked for once', async () => {
  covers('REF-02', 'LOOP-10')
  const { front, daemon } = stage
  serveApp(front)
  const { page, traffic } = await visit(await stage.context(), `${front.url}/app`)
  await signInto(page, 'ruth', ['user'])
  traffic.restart()
  expect([await call(page, '/api/admin'), await call(page, '/api/admin'), traffic.refreshes.length]).toEqual([403, 403, 1])
  expect((await says(page)).roles).toEqual(['user'])
  await until(async () => (await status(page)).socket === 'open', 'the page is connected')
  writeFileSync(join(daemon.dir, 'claims.json'), JSON.stringify({ ruth: { roles: ['user', 'admin'] } }))
  traffic.restart()
  const told = await daemon.run('claims', 'demo', 'ruth')
  expect(told, told.out).toMatchObject({ code: 0 })
  await until(async () => (await says(page)).roles.includes('admin'), 'the page knows its new role')
  expect([await call(page, '/api/admin'), traffic.refused, traffic.refreshes.length]).toEqual([200, [], 1])
})

test('eight tabs, one rotation: one refresh in the whole browser, and a user who signs in anew in one is the user of all', async () => {
  covers('REF-14', 'SEC-07')
  const { front, daemon } = stage
  serveApp(front)
  const context = await stage.context()
  const tabs: { page: Page, traffic: Traffic }[] = []
  for (let i = 0; i < 8; i++) tabs.push(await visit(context, `${front.url}/app`))
  const [first] = tabs
  await signInto(first!.page, 'alice')
  for (const { page } of tabs) {
    await page.evaluate(() => (window as any).keyturn.ensureValidToken())
    await connected(page)
  }
  const before = await status(first!.page)
  for (const { traffic } of tabs) traffic.restart()
  expect((await daemon.run('rotate', 'demo')).code).toBe(0)
  for (const { page } of tabs) await moved(page, before)
  expect(tabs.flatMap(({ traffic }) => [...traffic.refreshes.map(() => 'refresh'), ...traffic.refused])).toEqual(['refresh'])
  for (const { page } of tabs) expect(await call(page, '/api/hello')).toBe(200)

  await signInto(tabs[3]!.page, 'bob')
  for (const { page } of tabs) {
    await until(async () => (await says(page)).sub === 'bob', 'the tab knows whose the cookie is')
    await connected(page)
    expect(await page.evaluate(async () => (await (await (window as any).keyturn.fetch('/api/hello')).json()).hello)).toBe('bob')
  }
})

test('an API of another origin on the same host gets the cookie by fetch and XHR, and nobody else does', async () => {
  covers('OAU-16', 'DET-10')
  const { front } = stage
  const got: Record<string, string[]> = { named: [], other: [] }
  const servers = await Promise.all(Object.keys(got).map(async (name) => {
    const server = createServer((request, response) => {
      const { cookie = '', authorization = '' } = request.headers
      got[name]!.push(`${request.method} ${cookie.includes('auth_token=') ? 'cookie' : '-'} ${authorization || '-'}`)
      response.writeHead(request.method === 'POST' && got[name]!.filter((g) => g.startsWith('POST')).length === 1 ? 401 : 200, {
        'access-control-allow-origin': front.url, 'access-control-allow-credentials': 'true', 'access-control-allow-headers': 'content-type',
        'access-control-expose-headers': 'www-authenticate', 'www-authenticate': 'Bearer error="invalid_token"', 'content-type': 'application/json',
      }).end('{"ok":true}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }))
  const [named, other] = servers.map((s) => s.url)
  try {
    front.file('/favicon.ico', 'image/x-icon', '')
    front.file('/app', 'text/html', `<!doctype html><title>App</title><script src="/keyturn.js" data-ring="demo" data-origins="self ${named}"></script>`, {
      'content-security-policy': policy(front).replace("connect-src 'self'", `connect-src 'self' ${named} ${other}`),
    })
    const { page, traffic } = await visit(await stage.context(), `${front.url}/app`)
    await signInto(page, 'alice')
    traffic.restart()
    expect(await page.evaluate(async ([api, elsewhere]) => {
      const send = (xhr: XMLHttpRequest, method: string, url: string): Promise<unknown> => new Promise((resolve) => {
        xhr.onloadend = () => { resolve([xhr.status, xhr.withCredentials]) }
        xhr.open(method, url)
        xhr.send(method === 'POST' ? 'x' : null)
      })
      const xhr = new XMLHttpRequest()
      return [
        await send(xhr, 'POST', `${api}/things`), await send(xhr, 'GET', `${elsewhere}/things`),
        (await fetch(`${api}/things`)).status, (await fetch(`${elsewhere}/things`)).status,
      ]
    }, [named!, other!])).toEqual([[200, true], [200, false], 200, 200])
    expect(got).toEqual({ named: ['POST cookie -', 'POST cookie -', 'GET cookie -'], other: ['GET - -', 'GET - -'] })
    expect(traffic.refreshes.length).toBe(1)
  } finally {
    for (const { server } of servers) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
})

test('a page of another origin of the same site, whose requests bring the cookie along, changes and opens nothing', async () => {
  covers('SEC-06', 'OAU-16')
  const { front, daemon } = stage
  serveApp(front)
  const context = await stage.context()
  const { page } = await visit(context, `${front.url}/app`)
  await signInto(page, 'root', ['admin', 'reviewer'])
  const seen: string[] = []
  const server = createServer((_request, response) => { response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Elsewhere</title>') })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const attack = await context.newPage()
    attack.on('response', (r) => { if (r.url().startsWith(daemon.url)) seen.push(`${r.request().method()} ${new URL(r.url()).pathname} ${r.status()}`) })
    await attack.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    const opened = await attack.evaluate(async (target) => {
      await fetch(`${target}/reporting/api/reports/1/approve`, { method: 'POST', mode: 'no-cors', credentials: 'include' })
      const read = await fetch(`${target}/api/hello`, { credentials: 'include' }).then((r) => r.status, () => 'unreadable')
      const socket = await new Promise((resolve) => {
        const ws = new WebSocket(`${target.replace('http', 'ws')}/v1/stream?ring=demo`, ['keyturn.v1'])
        ws.onopen = () => { resolve('open') }
        ws.onerror = () => { resolve('refused') }
      })
      return { read, socket }
    }, daemon.url)
    expect(opened).toEqual({ read: 'unreadable', socket: 'refused' })
    expect(seen).toContain('POST /reporting/api/reports/1/approve 403')
    expect(await call(page, '/api/hello')).toBe(200)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})
