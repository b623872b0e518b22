import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launch } from './chromium.js'
import { covers } from './covers.js'
import { Daemon } from './daemon.js'
import { Provider } from './provider.js'

// The real server from a configuration file, and the real provider, with no client between them.

let browser: Browser
let provider: Provider
let daemon: Daemon

beforeAll(async () => {
  browser = await launch()
  provider = await new Provider().start()
  daemon = new Daemon()
  const clientSecretFile = join(daemon.dir, 'client-secret')
  writeFileSync(clientSecretFile, provider.clientSecret, { mode: 0o600 })
  await daemon.serve({
    providers: [{ name: 'idp', issuer: provider.issuer, clientID: provider.clientId, clientSecretFile }],
    claims: { from: 'idp' },
  })
  provider.register(daemon.url)
})
afterAll(async () => {
  await browser.close()
  await daemon.remove()
  await provider.close()
})

/** What POST /auth/refresh says to the page, with the token's payload. */
function refresh(page: Page): Promise<{ status: number, claims?: { sub: string, roles: string[] } }> {
  return page.evaluate(async () => {
    const answer = await fetch('/auth/refresh', { method: 'POST' })
    const body = await answer.json()
    if (!answer.ok) return { status: answer.status }
    return { status: answer.status, claims: JSON.parse(atob(body.access_token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'))) }
  })
}

test('people sign in at a real provider, and a refresh brings what it says now', async () => {
  covers('OAU-03', 'OAU-04', 'SIL-03')
  const page = await browser.newPage()
  const back = `${daemon.url}/v1/state?ring=demo&refresh=true`
  await page.goto(`${daemon.url}/auth/login?provider=idp&redirect_uri=${encodeURIComponent(back)}`)
  expect(new URL(page.url()).origin).toBe(provider.url)
  await page.getByTestId('idp-name').fill('alice')
  await page.getByTestId('idp-login').click()
  await page.waitForURL(back)
  expect(await refresh(page)).toMatchObject({ status: 200, claims: { sub: 'idp|alice', roles: ['user'] } })
  provider.users.grant('alice', 'analyst')
  expect(await refresh(page)).toMatchObject({ status: 200, claims: { roles: ['user', 'analyst'] } })
  expect(provider.requests('/token').map((r) => [r.grant, r.status])).toEqual([
    ['authorization_code', 200], ['refresh_token', 200], ['refresh_token', 200],
  ])
  expect(provider.requests('/auth').every((r) => r.query.get('code_challenge_method') === 'S256' && r.query.has('nonce'))).toBe(true)

  // Its keys turn, and it signs in whom it knows without a page.
  provider.turnKeys()
  await page.goto(`${daemon.url}/auth/login?provider=idp&redirect_uri=${encodeURIComponent(back)}`)
  expect(page.url()).toBe(back)
  expect((await refresh(page)).status).toBe(200)

  // A step that is held is waited for.
  const release = provider.hold('token')
  const waiting = refresh(page)
  await release.arrived
  release()
  expect((await waiting).status).toBe(200)

  // Who is gone there is out here.
  provider.users.revoke('alice')
  expect((await refresh(page)).status).toBe(401)
  await page.goto(`${daemon.url}/auth/login?provider=idp&prompt=none&redirect_uri=${encodeURIComponent(back)}`)
  expect(new URL(page.url()).searchParams.get('error')).toBe('login_required')
  await page.close()
})

test('a provider that is down, slow, and back', async () => {
  const page = await browser.newPage()
  const back = `${daemon.url}/v1/state?ring=demo`
  const login = `${daemon.url}/auth/login?provider=idp&redirect_uri=${encodeURIComponent(back)}`
  await page.goto(login)
  await page.getByTestId('idp-name').fill('bob')
  await page.getByTestId('idp-login').click()
  await page.waitForURL(back)
  await provider.down()
  expect(await refresh(page)).toMatchObject({ status: 200, claims: { sub: 'idp|bob' } }) // the last claims, for a while
  await provider.up()
  provider.slow(50)
  const before = provider.requests('/token').length
  expect((await refresh(page)).status).toBe(200)
  expect(provider.requests('/token').length).toBe(before + 1)
  provider.slow(0)

  // Declined, the app hears of it; and consent can be asked for anew.
  provider.endSession('bob')
  await page.goto(login)
  await page.getByTestId('idp-decline').click()
  await page.waitForURL((u) => u.searchParams.get('error') === 'access_denied')
  const release = provider.hold('consent')
  await page.goto(login)
  await page.getByTestId('idp-name').fill('bob')
  const [, signedIn] = await Promise.all([page.getByTestId('idp-login').click({ noWaitAfter: true }), release.arrived.then(() => { release() }), page.waitForURL(back)])
  expect(signedIn).toBe(undefined)
  expect((await refresh(page)).status).toBe(200)

  // Signing out leads over the provider's logout back to a page of the app.
  const after = encodeURIComponent(`${daemon.url}/ui/reports`)
  const { logoutUrl } = await page.evaluate(async (to) => (await fetch(`/auth/logout?post_logout_redirect_uri=${to}`, { method: 'POST' })).json(), after)
  await page.goto(logoutUrl).catch(() => undefined) // its page goes on by itself
  await page.waitForURL(`${daemon.url}/ui/reports`)
  await page.goto(login)
  await page.getByTestId('idp-name').waitFor()
  await page.close()
})
