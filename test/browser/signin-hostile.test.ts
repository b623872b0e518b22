import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { covers } from './covers.js'
import { Daemon, until } from './daemon.js'
import { answers, Elsewhere } from './elsewhere.js'
import type { Person, Tab } from './person.js'
import { setSigninStage } from './signin-stage.js'

// What pages of other sites, forged addresses and planted cookies can do to somebody who is signed in: nothing. Each
// is refused by name, nobody is led elsewhere, and nobody is logged out by it.

const stage = setSigninStage({ claims: 'idp', mode: 'auto' }, {}, '--rate', '5000')
const elsewhere = new Elsewhere()
beforeAll(() => elsewhere.start())
afterAll(() => elsewhere.close())

const lost = '[Callback] Token refreshed, location lost, using default'

const sessionCookie = async (who: Person): Promise<string> =>
  (await who.context.cookies(who.app)).filter((c) => c.name === 'keyturn').map((c) => c.value).join()

/** Sees that all pages that a tab showed are the app's, or the provider's. */
function stayed(tab: Tab): void {
  const origins = new Set(tab.visits.map((v) => new URL(v).origin))
  origins.delete(tab.page.url().startsWith(stage.daemon.url) ? stage.daemon.url : '')
  origins.delete(stage.provider.url)
  expect([...origins]).toEqual([])
}

/** Sees that somebody is still signed in as themselves, in a tab that was left alone. */
async function signedIn(who: Person, tab: Tab): Promise<void> {
  expect(await tab.page.evaluate(() => (window as any).keyturn.refresh().then(() => 'refreshed', (e: Error) => e.message))).toBe('refreshed')
  expect((await tab.claims())?.payload.sub).toBe(who.sub)
}

/** The error card of the callback page. */
async function card(tab: Tab): Promise<string> {
  const shown = tab.page.getByRole('alert')
  await shown.waitFor()
  return shown.innerText()
}

test('a kept place that is none leads to the default page, under either name', async () => {
  covers('CTX-08')
  const ann = await stage.person()
  const tab = await ann.signedIn()
  const app = stage.daemon.url
  const other = elsewhere.origin('same-site')
  const host = other.slice('http://'.length)
  const hostile = [
    'javascript:alert(1)', 'data:text/html,x', other, `${app}@${host}/`, `//${host}/x`, `///${host}`, `/\\${host}`, `/\t/${host}`, `/.//${host}`, `/x/..//${host}`,
    '/ui/callback/', '/%75i/Callback?code=x&state=y', '/auth/login?provider=idp', 'ui/admin',
  ]
  // A light page in the app's place: what counts is which one is asked for.
  await tab.page.route(`${app}/ui/reports`, (route) => route.fulfill({ contentType: 'text/html', body: '<title>Default</title>' }))
  tab.restart()
  for (const [i, place] of hostile.entries()) {
    const key = i % 2 ? 'postRefreshUrl' : 'postLoginUrl'
    await tab.page.evaluate(([k, v]) => { sessionStorage.setItem(k!, v!) }, [key, place])
    await tab.open('/ui/callback?refresh=true')
    await until(() => tab.story.filter((l) => l === lost).length === i + 1, `${JSON.stringify(place)} is not gone to; last at ${tab.page.url()}`)
    await tab.page.waitForURL(`${app}/ui/reports`)
    expect(await tab.page.evaluate(() => Object.keys(sessionStorage).filter((k) => k.startsWith('post'))), place).toEqual([])
  }
  stayed(tab)
  expect(elsewhere.asked).toEqual([])
  expect(tab.redirects).toBe(0)

  await tab.page.unroute(`${app}/ui/reports`)

  // One that is good is gone to, and a bad one beside it is forgotten.
  await tab.page.evaluate(() => { sessionStorage.setItem('postRefreshUrl', '//evil.example'); sessionStorage.setItem('postLoginUrl', '/ui/reports?page=2#row-1') })
  await tab.open('/ui/callback?refresh=true')
  await tab.arrives('/ui/reports?page=2#row-1')
  await signedIn(ann, tab)
})

test('a callback that was used, another browser\'s, or made up signs nobody in and nobody out', async () => {
  covers('OAU-04', 'OAU-05', 'SEC-02')
  const ann = await stage.person()
  const mallory = await stage.person()
  const seen: string[] = []
  ann.context.on('request', (r) => { if (r.url().startsWith(`${ann.app}/auth/callback?`)) seen.push(r.url()) })
  const tab = await ann.signedIn()
  const before = await sessionCookie(ann)

  // Replayed: in the same browser, and in a stranger's.
  expect(seen).toHaveLength(1)
  const used = seen[0]!
  expect(new URL(used).searchParams.has('iss')).toBe(true)
  const again = await ann.tab()
  expect((await again.page.goto(used))!.status()).toBe(400)
  expect(await again.page.locator('body').innerText()).toContain('Invalid or expired state')
  const strange = await mallory.tab()
  expect((await strange.page.goto(used))!.status()).toBe(400)

  // A sign-in of Mallory's own that is not finished yet, put upon Ann: she would work under Mallory's name.
  const theirs = await mallory.signedIn()
  const next = async (address: string): Promise<string> => (await mallory.context.request.get(address, { maxRedirects: 0 })).headers().location ?? ''
  let unused = await next(`${ann.app}/auth/login?redirect_uri=${encodeURIComponent(`${ann.app}/ui/callback`)}`)
  while (unused.startsWith(stage.provider.url)) unused = await next(unused)
  expect(unused).toContain('/auth/callback?code=')
  const forced = await again.page.goto(unused)
  expect([forced!.status(), again.page.url()]).toEqual([400, unused])
  expect(await again.page.locator('body').innerText()).toContain('this sign-in began in another browser')
  // By script, as a page of the app passes codes on.
  for (const [address, code] of [
    [unused, 'browser_mismatch'], [used, 'state_invalid'], [`${ann.app}/auth/callback?code=x`, 'state_missing'], [`${ann.app}/auth/callback?code=x&state=x`, 'state_invalid'],
    [`${ann.app}/auth/callback?code=x&state=${'A'.repeat(43)}`, 'state_invalid'], [`${used}&state=x`, 'bad_request'], [`${ann.app}/auth/callback?${'x'.repeat(9000)}`, 'bad_request'],
  ]) {
    const got = await tab.page.evaluate((u) => fetch(u!).then(async (r) => [r.status, (await r.json()).code]), address)
    expect(got, address).toEqual([400, code])
  }
  // It is still Mallory's.
  await strange.page.goto(unused)
  await strange.arrives('/ui/reports')
  await signedIn(mallory, theirs)

  expect(await sessionCookie(ann)).toBe(before)
  await signedIn(ann, tab)
  stayed(again)
})

test('a forged address of the callback page is told as an error, as text, and forgotten', async () => {
  covers('OAU-06', 'OAU-07', 'OAU-09')
  const ann = await stage.person()
  const tab = await ann.signedIn()
  const before = await sessionCookie(ann)
  const forged = await ann.tab()
  const token = `x.${Buffer.from(JSON.stringify({ sub: 'idp|root', roles: ['admin'], exp: 9e9 })).toString('base64url')}.x`
  for (const [query, text] of [
    ['code=x', 'Missing state parameter'], ['code=x&state=x', 'Invalid or expired state'], [`code=x&state=${'A'.repeat(43)}&iss=https://evil.example`, 'Invalid or expired state'],
    ['error=access_denied', 'OAuth error: access_denied'], ['error=server_error&refresh=true', 'OAuth error: server_error'],
    [`error=${encodeURIComponent('<img src=x onerror="window.hit=1">')}&error_description=${encodeURIComponent('<script>window.hit=1</script>')}`, 'OAuth error: unknown'],
    [`error=${'a'.repeat(3000)}`, 'OAuth error: unknown'], [`token=${token}`, 'No authorization token received'],
  ]) {
    await forged.open(`/ui/callback?${query}`)
    expect(await card(forged), query).toContain(text)
    expect(await card(forged)).not.toContain('<')
    expect(new URL(forged.page.url()).search.replace('?refresh=true', ''), query).toBe('')
    expect(await forged.page.evaluate(() => (window as any).hit)).toBe(undefined)
    expect(await forged.page.evaluate(() => (window as any).keyturn.getCurrentToken?.())).toBe(null)
  }
  expect(forged.redirects).toBe(0)
  stayed(forged)
  expect(await sessionCookie(ann)).toBe(before)
  // The card's link leads on.
  await forged.page.getByRole('link', { name: 'Return to login' }).click()
  await forged.arrives('/ui/reports')
  // That the session is over is believed of the server alone.
  for (const code of ['login_required', 'interaction_required', 'account_changed']) {
    await forged.open(`/ui/callback?error=${code}&refresh=true`)
    await forged.arrives('/ui/reports')
  }
  expect((await tab.claims())?.payload.sub).toBe(ann.sub)
  await signedIn(ann, tab)
})

/** All that a page can send to the endpoints of sign-in without asking anybody; resolves with what it could read. */
function assault(page: Page, origin: string): Promise<unknown[]> {
  return page.evaluate(async (app) => {
    const messages: unknown[] = []
    addEventListener('message', (e) => { messages.push(e.data) })
    const settled: Promise<unknown>[] = []
    const posts = ['/auth/refresh', '/auth/logout', `/auth/logout?post_logout_redirect_uri=${encodeURIComponent(location.href)}`, '/auth/login', '/auth/callback']
    // Forms, each into a frame of its own.
    for (const [i, path] of posts.entries()) {
      const frame = Object.assign(document.createElement('iframe'), { name: `f${i}` })
      const form = Object.assign(document.createElement('form'), { method: 'post', action: app + path, target: frame.name })
      form.append(Object.assign(document.createElement('input'), { name: 'sub', value: 'mallory' }))
      document.body.append(frame, form)
      settled.push(new Promise((done) => { frame.onload = done }))
      form.submit()
    }
    for (const path of posts) {
      settled.push(fetch(app + path, { method: 'POST', mode: 'no-cors', credentials: 'include' }))
      settled.push(fetch(app + path, { method: 'POST', credentials: 'include' }).then(() => messages.push(`read ${path}`), () => {}))
      settled.push(fetch(app + path, { method: 'POST', credentials: 'include', headers: { 'content-type': 'application/json' }, body: '{}' }).then(() => messages.push(`read ${path}`), () => {}))
      settled.push(new Promise((done) => {
        const image = new Image()
        image.onload = image.onerror = done
        image.src = app + path
        document.body.append(image)
      }))
      navigator.sendBeacon(app + path, 'x')
    }
    await Promise.allSettled(settled)
    return messages
  }, origin)
}

/** What these are answered with: refusals by name, where the page may see the name at all. */
const refusals = /^(POST \/auth\/(refresh|logout|login|callback) 403( origin_refused)?|(POST|GET) \S+ 405.*|OPTIONS \S+ 403 origin_refused|GET \/auth\/(login|callback) 403( origin_refused)?)$/

for (const site of ['cross-site', 'same-site'] as const) {
  test(`a page elsewhere, ${site}, can neither refresh, log out, sign in, nor frame`, async () => {
    covers('SEC-06', 'SEC-02')
    const ann = await stage.person()
    ann.expected = /Framing|frame|CORS policy|Failed to load|ERR_/
    const tab = await ann.signedIn()
    const before = await sessionCookie(ann)
    const evil = (await ann.tab()).page
    const got = answers(evil, ann.app)
    await evil.goto(`${elsewhere.origin(site)}/start`)
    const heard = await assault(evil, ann.app)
    expect(heard).toEqual([])
    await until(() => got.filter((g) => /^POST \/auth\/(refresh|logout|callback)/.test(g)).length >= 12, 'all has been answered')
    expect(got.filter((g) => !refusals.test(g))).toEqual([])
    expect(await sessionCookie(ann)).toBe(before)

    // Framed: the app, its callback, the provider's answer, and a silent sign-in in the app's name.
    const back = encodeURIComponent(`${ann.app}/ui/callback`)
    const framed = await evil.evaluate(async ([app, to]) => {
      const messages: unknown[] = []
      addEventListener('message', (e) => { messages.push(e.data) })
      const paths = ['/ui/reports', '/ui/callback?refresh=true', '/ui/callback?error=login_required&refresh=true', '/', `/auth/login?redirect_uri=${to}`,
        `/auth/login?mode=frame&prompt=none&redirect_uri=${to}`, `/auth/login?mode=frame&prompt=none&redirect_uri=${encodeURIComponent(location.href)}`, '/auth/callback?code=x&state=x']
      await Promise.all(paths.map((path) => new Promise((done) => {
        const frame = document.createElement('iframe')
        frame.onload = done
        frame.src = app + path
        document.body.append(frame)
      })))
      return messages
    }, [ann.app, back] as const)
    expect(framed).toEqual([])
    // A browser shows its own page in place of one that forbids framing.
    await until(() => evil.frames().slice(6).every((f) => !f.url().startsWith(ann.app)), `no page of the app is in a frame: ${evil.frames().map((f) => f.url()).join(' ')}`)
    expect(new URL(evil.url()).origin).toBe(elsewhere.origin(site))

    await signedIn(ann, tab)
    expect(tab.visits).toEqual([])
  })
}

test('a server of one\'s own refuses them itself, by name', async () => {
  covers('SEC-06')
  const daemon = new Daemon()
  const clientSecretFile = join(daemon.dir, 'client-secret')
  writeFileSync(clientSecretFile, stage.provider.clientSecret, { mode: 0o600 })
  await daemon.serve({ providers: [{ name: 'idp', issuer: stage.provider.issuer, clientID: stage.provider.clientId, clientSecretFile }], claims: { from: 'idp' } })
  const context = await stage.browser.newContext()
  try {
    stage.provider.register(daemon.url)
    const page = await context.newPage()
    const place = `${daemon.url}/v1/state?ring=demo`
    await page.goto(`${daemon.url}/auth/login?redirect_uri=${encodeURIComponent(place)}`)
    await page.getByTestId('idp-name').fill('cleo')
    await page.getByTestId('idp-login').click()
    await page.waitForURL(place)
    const cookies = JSON.stringify(await context.cookies(daemon.url))
    for (const site of ['cross-site', 'same-site'] as const) {
      const evil = await context.newPage()
      const got = answers(evil, daemon.url)
      await evil.goto(`${elsewhere.origin(site)}/start`)
      expect(await assault(evil, daemon.url)).toEqual([])
      await until(() => got.includes('POST /auth/logout 403 origin_refused') && got.filter((g) => g.startsWith('POST /auth/refresh')).length >= 3, `all has been answered: ${got.join(', ')}`)
      expect(got.filter((g) => !refusals.test(g))).toEqual([])
      expect(JSON.stringify(await context.cookies(daemon.url))).toBe(cookies)
    }
    expect(await page.evaluate(() => fetch('/auth/refresh', { method: 'POST' }).then((r) => r.status))).toBe(200)
  } finally {
    await context.close()
    await daemon.remove()
  }
})

test('a link elsewhere that begins a sign-in is refused, and one from a neighbour signs in nobody but the user', async () => {
  covers('SEC-06', 'OAU-04')
  const ann = await stage.person()
  const tab = await ann.signedIn()
  const before = await sessionCookie(ann)
  const lured = await ann.tab()
  for (const query of ['', '?prompt=login', `?redirect_uri=${encodeURIComponent(`${ann.app}/ui/callback`)}`, `?redirect_uri=${encodeURIComponent(elsewhere.origin('cross-site'))}`]) {
    await lured.page.goto(`${elsewhere.origin('cross-site')}/start`)
    const [answer] = await Promise.all([lured.page.waitForResponse(`${ann.app}/auth/login${query}`), lured.page.evaluate((to) => { location.href = to }, `${ann.app}/auth/login${query}`)])
    await lured.page.waitForURL(`${ann.app}/auth/login${query}`)
    expect([400, 403]).toContain(answer.status())
    expect(await lured.page.locator('h1').innerText()).toBe('Sign-in did not work')
  }
  expect(await sessionCookie(ann)).toBe(before)
  expect(stage.provider.requests('/auth').filter((r) => r.query.get('prompt') === 'login')).toEqual([])
  await lured.page.goto(`${elsewhere.origin('same-site')}/start`)
  await lured.page.evaluate((to) => { location.href = to }, `${ann.app}/auth/login?redirect_uri=${encodeURIComponent(`${ann.app}/ui/callback`)}`)
  await lured.arrives('/ui/reports')
  expect((await lured.claims())?.payload.sub).toBe(ann.sub)
  await signedIn(ann, tab)
})

test('messages that only look like the hidden frame\'s are not heard', async () => {
  covers('SIL-04', 'SEC-10')
  const ann = await stage.person()
  await ann.signedIn()
  const evil = (await ann.tab()).page
  await evil.goto(`${elsewhere.origin('cross-site')}/start`)
  const [opened] = await Promise.all([ann.context.waitForEvent('page'), evil.evaluate((to) => { (window as any).app = open(to) }, `${ann.app}/ui/reports`)])
  const asked: string[] = []
  opened.on('request', (r) => { if (/\/auth\//.test(r.url())) asked.push(`${r.method()} ${new URL(r.url()).pathname}`) })
  await until(() => opened.evaluate(() => (window as any).keyturn?.status().socket === 'open').catch(() => false), 'the app is signed in')
  asked.length = 0
  const shout = (): Promise<void> => evil.evaluate(() => {
    for (const data of [{ source: 'keyturn', type: 'signin', ok: true, error: '' }, { source: 'keyturn', type: 'signin', ok: false, error: 'login_required' }, 'keyturn', null,
      { source: 'keyturn', type: 'token', token: 'x' }, { source: 'keyturn', type: 'signin', ok: false, error: '<img src=x onerror=alert(1)>' }]) (window as any).app.postMessage(data, '*')
  })
  // With no frame there, and while one waits for its provider.
  await shout()
  await ann.context.clearCookies({ name: 'keyturn' })
  const release = stage.provider.hold('authorize')
  const refreshed = opened.evaluate(() => (window as any).keyturn.refresh().then(() => 'refreshed', (e: Error) => e.message))
  await release.arrived
  expect(await opened.locator('iframe').count()).toBe(1)
  await shout()
  await opened.evaluate(() => { postMessage({ source: 'keyturn', type: 'signin', ok: true, error: '' }, '*') })
  // All of these have been delivered when one that came after them is.
  await opened.evaluate(() => new Promise((done) => { addEventListener('message', ({ data }) => data === 'last' && done(0)); postMessage('last', '*') }))
  expect(await opened.locator('iframe').count()).toBe(1)
  expect(asked).toEqual(['POST /auth/refresh', 'GET /auth/login'])
  release()
  expect(await refreshed).toBe('refreshed')
  expect(await opened.locator('iframe').count()).toBe(0)
  expect(asked.filter((a) => a === 'POST /auth/refresh')).toHaveLength(2)
})

test('a session that was planted before the sign-in is not kept, and its planter is out', async () => {
  covers('SEC-02', 'SEC-07')
  const mallory = await stage.person()
  const theirs = await mallory.signedIn()
  const planted = await sessionCookie(mallory)
  const ann = await stage.person()
  await ann.context.addCookies([{ name: 'keyturn', value: planted, url: ann.app, httpOnly: true, sameSite: 'Strict' }])
  const tab = await ann.tab()
  await tab.page.goto(`${ann.app}/auth/login?redirect_uri=${encodeURIComponent(`${ann.app}/ui/callback`)}`)
  await tab.loginAtProvider()
  await tab.arrives('/ui/reports')
  expect((await tab.claims())?.payload.sub).toBe(ann.sub)
  const own = await sessionCookie(ann)
  expect(own).not.toContain(planted)
  // The planted session ended with it: who planted it can't use it either.
  const used = await theirs.page.evaluate(() => fetch('/auth/refresh', { method: 'POST' }).then(async (r) => [r.status, (await r.json()).code]))
  expect(used).toEqual([401, 'session_ended'])
  await signedIn(ann, tab)
})

test('cookies of the same name that another server of this host sets take nobody\'s place and log nobody out', async () => {
  covers('SEC-02')
  const mallory = await stage.person()
  await mallory.signedIn()
  const ann = await stage.person()
  const tab = await ann.signedIn()
  const toss = (value: string): Promise<void> => ann.context.addCookies([{ name: 'keyturn', value, domain: '127.0.0.1', path: '/auth', httpOnly: true, sameSite: 'Lax' }])
  const refresh = (): Promise<unknown[]> => tab.page.evaluate(() => fetch('/auth/refresh', { method: 'POST' }).then(async (r) => [r.status, (await r.json()).code]))
  for (const value of ['x', '', 'A'.repeat(64)]) {
    await toss(value)
    await signedIn(ann, tab)
  }
  // A session of somebody else, in front: nobody can tell which is Ann's, so none is used. Her token works on.
  await toss(await sessionCookie(mallory))
  expect(await refresh()).toEqual([400, 'session_ambiguous'])
  expect(await tab.page.evaluate(() => (window as any).keyturn.refresh().then(() => 'refreshed', (e: any) => e.code))).not.toBe('refreshed')
  expect((await tab.claims())?.payload.sub).toBe(ann.sub)
  expect(await tab.page.evaluate(() => (window as any).keyturn.fetch('/reporting/api/me').then((r: Response) => r.status !== 401))).toBe(true)
  // Signing in again ends what was planted, though its cookie stays.
  await tab.page.goto(`${ann.app}/auth/login?redirect_uri=${encodeURIComponent(`${ann.app}/ui/callback`)}`)
  await tab.arrives('/ui/reports')
  await signedIn(ann, tab)
  expect((await ann.context.cookies(`${ann.app}/auth/refresh`)).filter((c) => c.name === 'keyturn')).toHaveLength(2)
})
