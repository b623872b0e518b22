import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launch } from './chromium.js'
import { covers } from './covers.js'
import { Daemon, until } from './daemon.js'
import { Person } from './person.js'
import { Provider } from './provider.js'

// An app with an origin of its own, and keyturn beside it: the provider sends browsers back to a page of the app, which
// passes the code on. What the app protects it asks keyturn about, as a proxy would (forward-auth).

let browser: Browser
let provider: Provider
let daemon: Daemon
let server: Server
let app = ''

beforeAll(async () => {
  browser = await launch()
  provider = await new Provider().start()
  daemon = new Daemon()
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', app)
    if (pathname.startsWith('/api/')) {
      void verify(request.headers.authorization).then(([status, headers, body]) => response.writeHead(status, headers).end(body))
      return
    }
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; script-src ${daemon.url}; connect-src 'self' ${daemon.url} ${daemon.url.replace('http', 'ws')}; frame-src ${daemon.url} ${provider.url}; base-uri 'none'; form-action 'none'`,
    })
    response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><title>An app</title>
<script src="${daemon.url}/keyturn.js" data-ring="demo" data-origins="self" data-signin="redirect" data-provider="idp"
  data-refresh="${daemon.url}/auth/refresh" data-stream="${daemon.url}/v1/stream?ring=demo"></script><main><h1>An app</h1></main></html>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  app = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await daemon.serve({
    providers: [{ name: 'idp', issuer: provider.issuer, clientID: provider.publicClientId, redirectURL: `${app}/ui/callback` }],
    claims: { from: 'idp' },
  }, [app])
  provider.register(app)
})
afterAll(async () => {
  await browser.close()
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await closed
  await daemon.remove()
  await provider.close()
})

/** What the app answers to a call: what keyturn says of its token, and whether it grants the role. */
async function verify(authorization = ''): Promise<[number, Record<string, string>, string]> {
  const answer = await fetch(`${daemon.url}/auth/verify`, { headers: { authorization, 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/api/' } })
  if (answer.status !== 200) return [answer.status, { 'www-authenticate': answer.headers.get('www-authenticate') ?? 'Bearer' }, await answer.text()]
  const { roles } = JSON.parse(Buffer.from(authorization.split('.')[1] ?? '', 'base64url').toString()) as { roles: string[] }
  if (roles.includes('analyst')) return [200, {}, 'for analysts']
  return [403, { 'content-type': 'application/problem+json', 'www-authenticate': 'Bearer error="insufficient_scope"' }, '{"status":403,"code":"role_missing","detail":"analysts only"}']
}

test('the page that gets the code passes it on, and comes back to where it was', async () => {
  covers('LOG-14', 'OAU-08', 'OAU-02')
  const ann = await Person.arrive('ann', app, browser)
  const tab = await ann.tab()
  await tab.open('/ui/reports')
  await tab.page.evaluate(() => { void (window as any).keyturn.signIn() })
  await tab.loginAtProvider()
  await tab.arrives('/ui/reports')
  const exchange = ['[Callback] Exchanging code for token, calling /auth/callback...', '[Callback] Response status: 200']
  expect(tab.story.filter((l) => l.startsWith('[Callback]'))).toEqual([
    ...exchange, '[Callback] Normal login, redirecting to reports', '[Callback] Redirecting to /ui/reports',
  ])
  expect(await tab.roles()).toEqual(['user'])

  const place = '/ui/reports?thread_id=test123&page=2#row-7'
  await tab.open(place)
  await tab.arrives(place)
  provider.users.grant('ann', 'analyst')
  tab.restart()
  const answer = (): Promise<number | string> => tab.page.evaluate(() => fetch('/api/reports').then((r) => r.status, (e) => e.message))
  expect(await answer()).toBe('TOKEN_REFRESH_IN_PROGRESS')
  await until(() => tab.story.includes(`[Callback] Token refreshed, returning to: ${place}`), 'the callback leads back')
  await tab.arrives(place)
  expect(await answer()).toBe(200)
  expect(tab.story.filter((l) => l.startsWith('[Callback]'))).toEqual([
    ...exchange, `[Callback] Token refreshed, returning to: ${place}`, `[Callback] Redirecting to ${place}`,
  ])
  // The code is good once, and stays in no address that the browser remembers.
  const used = tab.visits.find((v) => v.includes('code='))!
  expect(used).toContain(`${app}/ui/callback?code=`)
  tab.restart()
  await tab.page.goto(used)
  await tab.page.getByText('Invalid or expired state').waitFor()
  expect(tab.page.url()).toBe(`${app}/ui/callback`)
  expect(tab.story).toContain('[Callback] Response status: 400')
  await tab.open(place)
  await tab.arrives(place)
  expect(await answer()).toBe(200)
  await ann.leave()
})
