import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { launch, Traffic } from './chromium.js'
import { covers } from './covers.js'
import { Daemon, type Entry, until } from './daemon.js'
import { Front } from './front.js'
import { call, status } from './page.js'
import { type Asked, Provider } from './provider.js'

// An app that signs in with oidc-client-ts at a real provider, in eight tabs. keyturn signs nothing here: it is told
// of the provider's keys, hears of a new one, and gets new tokens by the adapter.

const audience = 'payments'
const dist = fileURLToPath(new URL('../../broadcaster/client/dist/', import.meta.url))
const library = join(createRequire(import.meta.url).resolve('oidc-client-ts/package.json'), '../dist/browser/oidc-client-ts.min.js')
const tabs = 8

let browser: Browser
let provider: Provider
let daemon: Daemon
let front: Front
let context: BrowserContext
let pages: Page[]
let traffic: Traffic[]

/** The public key that the provider signs with now, as an entry of a key file. */
async function key(): Promise<Entry> {
  const { keys: [jwk] } = await (await fetch(`${provider.url}/jwks`)).json() as { keys: [Record<string, string>] }
  const { kid, kty, n, e } = jwk!
  return { kid, stage: 'current', alg: 'RS256', jwk: { kty, kid, n, e } } as unknown as Entry
}

/** What an app of one page does that signs in by itself. */
const app = (provider: string, client: string): string => `
import { fromOidcClientTs } from '/dist/adapters/oidc-client-ts.js'
const { UserManager, WebStorageStateStore } = oidc
const manager = new UserManager({
  authority: '${provider}', client_id: '${client}', redirect_uri: location.origin + '/callback',
  userStore: new WebStorageStateStore({ store: localStorage }),
})
const user = location.pathname === '/callback' ? await manager.signinCallback() : await manager.getUser()
if (!user) await manager.signinRedirect({ prompt: 'login' })
else {
  history.replaceState(null, '', '/app')
  window.lost = 0
  keyturn.on('sessionended', async () => {
    lost++
    await manager.removeUser()
  })
  window.signOut = async () => {
    const user = await manager.getUser()
    await keyturn.logout()
    await manager.signoutRedirect({ id_token_hint: user.id_token, post_logout_redirect_uri: location.origin + '/' })
  }
  keyturn.configure(fromOidcClientTs(manager))
  window.manager = manager
}
`

beforeAll(async () => { browser = await launch() })
afterAll(() => browser.close())
beforeEach(async () => {
  provider = await new Provider({ offline: true, audience }).start()
  daemon = await new Daemon().listenFor([await key()], { issuer: provider.issuer, audience })
  front = await new Front(daemon.url).start()
  provider.register(front.url)
  for (const path of ['/app', '/callback']) {
    front.file(path, 'text/html; charset=utf-8', `<!doctype html><html lang="en"><meta charset="utf-8"><title>An app</title>
<script src="/keyturn.js" data-ring="demo" data-origins="self" data-manual></script>
<script src="/oidc.js"></script><script type="module" src="/app.js"></script><h1>An app</h1>`, {
      'content-security-policy': `default-src 'none'; script-src 'self'; connect-src 'self' ${front.url.replace('http', 'ws')} ${provider.url}`,
    })
  }
  front.file('/favicon.ico', 'image/x-icon', '')
  front.file('/oidc.js', 'text/javascript', readFileSync(library, 'utf8'))
  front.file('/app.js', 'text/javascript', app(provider.url, provider.publicClientId))
  front.on('/api/hello', (c) => {
    // The API lets in whom the daemon's verification lets in, as behind a proxy with forward-auth.
    c.request.url = '/auth/verify?ring=demo'
    return c.forward().then(() => {})
  })
  const adapter = readFileSync(`${dist}adapters/oidc-client-ts.js`, 'utf8')
  front.file('/dist/adapters/oidc-client-ts.js', 'text/javascript', adapter)
  serveShared(adapter)
  context = await browser.newContext()
})
afterEach(async () => {
  await context.close()
  await front.close()
  await daemon.remove()
  await provider.close()
})

/** Serves what a module of the package shares with others. */
function serveShared(module: string): void {
  for (const [, name] of module.matchAll(/["']\.{1,2}\/(shared-\w+\.js)["']/g)) {
    const text = readFileSync(dist + name, 'utf8')
    front.file(`/dist/${name}`, 'text/javascript', text)
    serveShared(text)
  }
}

/** Signs in by name in the first tab, and opens the others: they find the user in the store. */
async function open(): Promise<void> {
  pages = []
  traffic = []
  for (let i = 0; i < tabs; i++) {
    const page = await context.newPage()
    pages.push(page)
    traffic.push(new Traffic(page))
    await page.goto(`${front.url}/app`)
    if (i === 0) {
      await page.getByTestId('idp-name').fill('alice')
      await page.getByTestId('idp-login').click()
    }
    await page.waitForFunction(() => 'manager' in window)
  }
  for (const page of pages) await until(async () => (await status(page)).token !== null, 'the page has the token')
}

const renewals = (): Asked[] => provider.requests('/token').filter(({ grant }) => grant === 'refresh_token')
const kids = async (): Promise<(string | null | undefined)[]> => Promise.all(pages.map(async (page) => (await status(page)).token?.kid))

/** Nobody was logged out, at the provider or here, and no token shows where none may. */
async function unharmed(): Promise<void> {
  expect(await Promise.all(pages.map((page) => page.evaluate(() => (window as unknown as { lost: number }).lost)))).toEqual(Array(tabs).fill(0))
  expect(pages.map((page) => page.url())).toEqual(Array(tabs).fill(`${front.url}/app`))
  expect(renewals().map(({ status }) => status)).toEqual([200])
  const token = await pages[0]!.evaluate(() => (window as any).keyturn.getToken())
  for (const { lines, errors } of traffic) {
    expect(errors).toEqual([])
    expect(lines.join('\n')).not.toContain(String(token).split('.')[2])
  }
  // The next refresh is good, too: no refresh token was spent twice.
  expect(await pages.at(-1)!.evaluate(() => (window as any).keyturn.refresh().then(() => 'good', String))).toBe('good')
  expect(renewals().map(({ status }) => status)).toEqual([200, 200])
}

/** The provider signs with another key from here on, and the ring is told. */
async function turn(keep = true): Promise<string> {
  provider.turnKeys()
  const now = await key()
  daemon.edit((entries) => [now, ...(keep ? entries.map((entry) => ({ ...entry, stage: 'previous' as const })) : [])])
  return now.kid!
}

test('the provider turns its key: eight tabs hear of it, one asks for a token, all have it, and no call fails', async () => {
  covers('API-15')
  await open()
  for (const page of pages) await until(async () => (await status(page)).socket === 'open', 'the page listens')
  provider.forget()
  const kid = await turn()
  await until(async () => (await kids()).every((one) => one === kid), 'each tab has a token under the new key')
  expect(await Promise.all(pages.map((page) => call(page, '/api/hello')))).toEqual(Array(tabs).fill(200))
  expect(renewals().length).toBe(1)
  expect(front.of('/api/hello').map(({ status }) => status)).toEqual(Array(tabs).fill(200))
  await unharmed()
})

test('the token is refused in eight tabs at once: one asks for another, and each call is answered', async () => {
  covers('API-15')
  front.stream = 'none'
  await open()
  provider.forget()
  const kid = await turn(false)
  await until(async () => (await (await fetch(`${daemon.url}/v1/state?ring=demo`)).json() as { kid: string }).kid === kid, 'the daemon has the new key')
  front.on('/api/hello', async (c) => {
    const [head] = (c.request.headers.authorization ?? '').replace('Bearer ', '').split('.')
    const good = head && (JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid: string }).kid === kid
    if (!good) return c.reply(401, { 'www-authenticate': 'Bearer error="invalid_token", error_description="the key has retired"' })
    c.request.url = '/auth/verify?ring=demo'
    await c.forward()
  })
  expect(await Promise.all(pages.map((page) => call(page, '/api/hello')))).toEqual(Array(tabs).fill(200))
  expect(await kids()).toEqual(Array(tabs).fill(kid))
  expect(renewals().length).toBe(1)
  await unharmed()
})

test('one tab signs out: the others are out at once and stay so, and the provider is asked for nothing', async () => {
  await open()
  provider.forget()
  const [first, ...others] = pages
  await Promise.all([
    first!.waitForURL(`${front.url}/`),
    first!.evaluate(() => { void (window as any).signOut() }),
  ])
  for (const page of others) {
    await until(() => page.evaluate(() => (window as any).lost === 1), 'the tab has heard of it')
    expect(await page.evaluate(() => (window as any).keyturn.getToken())).toBe(null)
    expect(await call(page, '/api/hello')).toBe(401)
  }
  expect(renewals()).toEqual([])
  expect(provider.requests('/session/end').length).toBe(1)
  expect(await others[0]!.evaluate(() => Object.keys(localStorage).filter((name) => name.startsWith('oidc.user')))).toEqual([])
})

test('without the adapter the same eight tabs spend the refresh token more than once, and the provider ends the session', async () => {
  await open()
  provider.forget()
  const release = provider.hold('token')
  for (const page of pages) {
    await page.evaluate(async () => {
      const w = window as any
      w.way = w.manager.signinSilent({ silentRequestTimeoutInSeconds: 100 }).then(() => 200, () => 400)
      await new Promise((resolve) => { setTimeout(resolve) }) // by then it has read which refresh token to spend
    })
  }
  // A browser has six connections to a server at a time: two of the tabs come when the token has been spent.
  await until(() => provider.requests('/token').filter(({ method }) => method === 'POST').length >= 6, 'the tabs have asked')
  release()
  const ways = await Promise.all(pages.map((page) => page.evaluate(() => (window as any).way)))
  expect(ways).toContain(400)
  expect(new Set(renewals().map(({ status }) => status))).toContain(400)
  // Now the store has a refresh token of a grant that is no more: the adapter says so, and does not try again.
  await until(async () => (await pages[0]!.evaluate(() => (window as any).keyturn.refresh().then(() => 'good', (e: { code: string }) => e.code))) === 'session_ended', 'the session is over')
})
