import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { covers } from './covers.js'
import { type Entry, until } from './daemon.js'
import { type Setting, type SigninStage, setSigninStage } from './signin-stage.js'
import type { Claims, Person, Tab } from './person.js'

// The seven scenarios of the testing guide, on the demo app, with a real provider. In the silent mode a refresh is a
// call; in the redirect mode the page leaves for the provider and comes back.

const got403 = '[fetchWithAuth] Got 403 Forbidden, user may need permission refresh'
const first403 = '[fetchWithAuth] First 403, attempting token refresh'
const waiting = '[fetchWithAuth] Waiting 500ms before refresh...'
const refreshing = 'DynamicAuthManager: Refreshing token...'
const refreshed = 'DynamicAuthManager: Token refreshed successfully'
const redirecting = '[fetchWithAuth] Redirecting to refresh login flow'
const returning = (place: string): string => `[Callback] Token refreshed, returning to: ${place}`
const lost = '[Callback] Token refreshed, location lost, using default'
const lacks = '[fetchWithAuth] Token already refreshed, still 403 - user lacks permission'
const already = '[fetchWithAuth] Already attempted refresh for this request'
const inProgress = '[fetchWithAuth] Token refresh redirect already in progress'

/** What a tab says of one refresh for a 403, in order; other lines may stand between. */
const told = (mode: Setting['mode'], place: string): string[] =>
  (mode === 'redirect' ? [got403, first403, waiting, redirecting, returning(place)] : [got403, first403, waiting, refreshing, refreshed])

/** Lines of the way that was not gone. */
const untold = (mode: Setting['mode']): string[] => (mode === 'redirect' ? [lost] : [redirecting, lost])

/** Sees that a tab has said these lines in this order, each once, and none of the way that was not gone. */
function says(tab: Tab, mode: Setting['mode'], place: string): void {
  const want = told(mode, place)
  expect(tab.story.filter((l) => want.includes(l)), tab.story.join('\n')).toEqual(want)
  for (const line of untold(mode)) expect(tab.story).not.toContain(line)
  if (mode !== 'redirect') expect(tab.story.filter((l) => l.startsWith('[Callback]'))).toEqual([])
}

/** Sees that exactly one refresh was made: a call, or one way over the provider. */
function once(tab: Tab, mode: Setting['mode']): void {
  if (mode === 'redirect') {
    expect(tab.redirects).toBe(1)
    return
  }
  expect(tab.count('POST', '/auth/refresh')).toBe(1)
  expect(tab.visits).toEqual([])
}

/** Waits until the answer of a refresh for a 403 is in use, on this page of the app. */
async function recovered(tab: Tab, mode: Setting['mode'], place: string, roles: string[]): Promise<void> {
  if (mode === 'redirect') await until(() => tab.story.includes(returning(place)), 'the callback leads back')
  await tab.arrives(place)
  await until(async () => (await tab.roles())?.join() === roles.join(), `the token has the roles ${roles.join()}`)
}

/** The payload and header of a token, read as anybody could, and whether its signature is this key's. */
function decode(token: string, keys: Entry[]): Claims & { signature: string, good: boolean } {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const read = (part: string): any => JSON.parse(Buffer.from(part, 'base64url').toString())
  const { kid } = read(header)
  const secret = keys.find((k) => k.kid === kid)?.secret ?? ''
  const want = createHmac('sha256', Buffer.from(secret, 'base64url')).update(`${header}.${payload}`).digest('base64url')
  return { header: read(header), payload: read(payload), signature, good: signature === want }
}

const currentToken = (tab: Tab): Promise<string> => tab.page.evaluate(() => (window as any).keyturn.getCurrentToken())

const settings: Setting[] = [
  { claims: 'idp', mode: 'auto' }, { claims: 'hook', mode: 'auto' },
  { claims: 'idp', mode: 'redirect' }, { claims: 'hook', mode: 'redirect' },
]

for (const setting of settings) {
  const { claims, mode } = setting
  const way = `${mode === 'redirect' ? 'by redirect' : 'silently'}, roles ${claims === 'idp' ? 'at the provider' : 'with the app'}`

  describe(way, () => {
    const stage = setSigninStage(setting)

    test(`T1: a role that is granted while somebody works is in the next token, ${way}`, async () => {
      covers('T1', ...(mode === 'redirect' ? ['RET-08', 'LOG-04'] : ['ACC-3']))
      const ann = await stage.person()
      const tab = await ann.signedIn()
      expect(await tab.roles()).toEqual(['user'])
      await tab.mark()
      await stage.setRoles(ann, ['user', 'analyst'])
      await tab.click('load-reports')
      await recovered(tab, mode, '/ui/reports', ['user', 'analyst'])
      await tab.page.getByTestId('rows').locator('tr').first().waitFor()
      says(tab, mode, '/ui/reports')
      once(tab, mode)
      expect(await tab.marked()).toBe(mode !== 'redirect')
      expect(tab.answers.at(-1)).toMatch(/^200 /)
      expect(tab.answers.filter((a) => a.startsWith('403'))).toHaveLength(1)
    })

    test(`T4: the new token has the new roles, later times and another signature, ${way}`, async () => {
      covers('T4', 'REF-02', 'ACC-1')
      const ann = await stage.person()
      const tab = await ann.signedIn()
      const { keys } = JSON.parse(readFileSync(stage.daemon.secretFile, 'utf8')) as { keys: Entry[] }
      const before = decode(await currentToken(tab), keys)
      expect(before.payload.roles).toEqual(['user'])
      await stage.setRoles(ann, ['user', 'analyst', 'reviewer'])
      // A token's times are whole seconds.
      await until(() => Date.now() / 1000 > before.payload.iat + 1, 'the next second has begun')
      await tab.click('approve')
      await recovered(tab, mode, '/ui/reports', ['user', 'analyst', 'reviewer'])
      const after = decode(await currentToken(tab), keys)
      expect(after.payload).toMatchObject({ sub: ann.sub, roles: ['user', 'analyst', 'reviewer'] })
      expect(after.payload.iat).toBeGreaterThan(before.payload.iat)
      expect(after.payload.exp).toBeGreaterThan(before.payload.exp)
      expect(after.header).toEqual(before.header)
      expect(after.signature).not.toBe(before.signature)
      expect([before.good, after.good]).toEqual([true, true])
      expect(await tab.claims()).toEqual({ header: after.header, payload: after.payload })
      says(tab, mode, '/ui/reports')
    })

    if (mode === 'auto') {
      test(`a role that is granted while the page idles is there ahead of any refusal, ${way}`, async () => {
        covers('FUT-7', 'SIL-05')
        const ann = await stage.person()
        const tab = await ann.signedIn()
        await stage.setRoles(ann, ['user', 'analyst'], true)
        await until(async () => (await tab.roles())?.join() === 'user,analyst', 'the new role is there')
        // The page shows what it may now, at once.
        await tab.page.getByTestId('rows').locator('tr').first().waitFor()
        expect(tab.answers.filter((a) => !a.startsWith('200'))).toEqual([])
        expect(tab.answers).toContain('200 /reporting/api/reports')
        once(tab, mode)
        expect(tab.story).toEqual([refreshing, refreshed])
      })
    }

    if (claims === 'idp') forProvider(stage, mode)
  })
}

/** The scenarios that do not depend on where roles live. */
function forProvider(stage: SigninStage, mode: Setting['mode']): void {
  const way = mode === 'redirect' ? 'by redirect' : 'silently'

  test(`T2: a role that is not granted is asked for once, and then the denial is shown, ${way}`, async () => {
    covers('T2', 'PERF-03', mode === 'redirect' ? 'LOG-24' : 'ACC-5')
    const ann = await stage.person()
    const tab = await ann.signedIn()
    await tab.page.getByRole('link', { name: 'Admin', exact: true }).click({ noWaitAfter: true })
    if (mode === 'redirect') await until(() => tab.story.includes(returning('/ui/admin')), 'the callback leads back')
    await tab.arrives('/ui/admin')
    const notice = tab.page.locator('keyturn-notice')
    await notice.getByText('Access Denied').waitFor()
    expect(await tab.roles()).toEqual(['user'])
    const calls = tab.story.filter((l) => l.startsWith('[fetchWithAuth]') || l === returning('/ui/admin'))
    if (mode === 'redirect') {
      // The page that came back was refused again, and that was that.
      expect(calls).toEqual([...told(mode, '/ui/admin'), got403, lacks])
    } else {
      // A page gets its token when it starts, and one more after the refusal.
      expect(calls).toEqual([got403, first403, waiting, got403, already])
      expect(tab.count('POST', '/auth/refresh')).toBe(2)
    }
    expect(tab.redirects).toBe(mode === 'redirect' ? 1 : 0)

    // Asked again, nothing is tried any more.
    tab.restart()
    await tab.click('reload')
    await until(() => tab.story.includes(lacks), 'the second refusal is told')
    expect(tab.story).toEqual([got403, lacks])
    expect([tab.redirects, tab.count('POST', '/auth/refresh'), tab.visits]).toEqual([0, 0, []])
    // Nor by a reload of the page, which only gets its token.
    await tab.page.reload()
    await tab.arrives('/ui/admin')
    await notice.getByText('Access Denied').waitFor()
    expect(tab.redirects).toBe(0)
    expect(tab.story).not.toContain(first403)

    // One can go elsewhere, and back.
    await tab.open('/ui/reports')
    await tab.arrives('/ui/reports')
    await tab.page.goBack()
    await tab.arrives('/ui/admin')
    await tab.page.goForward()
    await tab.arrives('/ui/reports')
    expect(tab.redirects).toBe(0)
  })

  test(`T3: the address and what it shows are as before, ${way}`, async () => {
    covers('T3', 'CTX-03', mode === 'redirect' ? 'LOG-05' : 'ACC-4')
    const place = '/ui/reports?thread_id=test123&page=2&filter=active#row-7'
    const ann = await stage.person()
    const tab = await ann.signedIn(place)
    await stage.setRoles(ann, ['user', 'analyst'])
    await tab.click('load-reports')
    await recovered(tab, mode, place, ['user', 'analyst'])
    const { page } = tab
    await page.getByTestId('rows').locator('tr').first().waitFor()
    expect(await page.evaluate(() => location.pathname + location.search + location.hash)).toBe(place)
    expect(await page.getByTestId('thread').inputValue()).toBe('test123')
    expect(await page.getByTestId('filter').inputValue()).toBe('active')
    expect(await page.getByTestId('page').innerText()).toBe('2')
    says(tab, mode, place)
    once(tab, mode)
    expect([await tab.kept('postLoginUrl'), await tab.kept('postRefreshUrl')]).toEqual([null, null])
  })

  test(`T5: a logout while a refresh is under way wins, in both tabs, ${way}`, async () => {
    covers('T5', 'SEC-07', mode === 'redirect' ? 'EDGE-02' : 'CTX-09')
    const ann = await stage.person()
    const tab = await ann.signedIn()
    const other = await ann.another()
    await stage.setRoles(ann, ['user', 'analyst'])
    const release = stage.provider.hold(mode === 'redirect' ? 'authorize' : 'token')
    const signOut = await tab.pointAt('signout')
    await tab.click('load-reports')
    await release.arrived
    expect(tab.visits).toEqual([])
    await signOut()
    await signedOut(ann, tab, other, release)
    expect(tab.story).not.toContain(returning('/ui/reports'))

    // Nothing is left that would keep anybody from signing in again.
    await tab.click('signin')
    await tab.loginAtProvider()
    await tab.arrives('/ui/reports')
    expect(await tab.roles()).toEqual(['user', 'analyst'])
  })

  test(`T6: three calls that are refused at once are one refresh, and each is settled, ${way}`, async () => {
    covers('T6', 'EDGE-06', 'LOOP-06')
    const ann = await stage.person()
    const tab = await ann.signedIn()
    await stage.setRoles(ann, ['user', 'analyst'])
    const release = stage.provider.hold(mode === 'redirect' ? 'authorize' : 'token')
    await tab.click('load-all')
    await until(() => tab.story.filter((l) => l === got403).length === 3, 'all three are refused')
    release()
    await recovered(tab, mode, '/ui/reports', ['user', 'analyst'])
    await until(async () => /reports 200 · sources 200 · threads 200/.test(await tab.page.getByTestId('status').innerText()), 'all three are loaded')
    once(tab, mode)
    const calls = tab.story.filter((l) => l.startsWith('[fetchWithAuth]'))
    // Each refusal has its line; one is answered by a refresh, and the others join it.
    expect(calls.filter((l) => l === got403)).toHaveLength(3)
    expect(calls.filter((l) => l === inProgress)).toHaveLength(2)
    for (const line of mode === 'redirect' ? [first403, waiting, redirecting] : [first403, waiting]) {
      expect(calls.filter((l) => l === line), line).toHaveLength(1)
    }
    expect(calls).not.toContain(lacks)
    expect(tab.answers.filter((a) => a.startsWith('403')).sort()).toEqual([
      '403 /reporting/api/reports', '403 /reporting/api/sources', '403 /reporting/api/threads',
    ])
  })
}

/** Sees that both tabs are signed out, now and once what was held is let go, and that nothing of the session is left. */
async function signedOut(ann: Person, tab: Tab, other: Tab, release: () => void): Promise<void> {
  await until(async () => (await other.status()).token === null, 'the other tab is signed out')
  release()
  // Signing out leads over the provider, and back to the app.
  await until(() => tab.visits.some((v) => v === `${ann.app}/ui/reports`), 'the tab is back on the app')
  await tab.page.getByTestId('signin').waitFor()
  await other.page.getByTestId('signin').waitFor()
  for (const { page } of [tab, other]) {
    expect(await page.evaluate(() => (window as any).keyturn.getCurrentToken())).toBe(null)
    expect(await page.evaluate(() => [localStorage.getItem('auth_token'), ...['postLoginUrl', 'postRefreshUrl'].map((k) => sessionStorage.getItem(k))]))
      .toEqual([null, null, null])
    expect(await page.evaluate(async () => (await fetch('/api/hello')).status)).toBe(401)
  }
  expect((await ann.context.cookies(ann.app)).filter((c) => /^keyturn/.test(c.name) && c.value)).toEqual([])
}

describe('silently, with tokens that no script sees', () => {
  const stage = setSigninStage({ claims: 'idp', mode: 'auto' }, {}, '--token-cookie')

  test('T4: what the token says is told without it, and is as new', async () => {
    covers('T4', 'API-12')
    const ann = await stage.person()
    const tab = await ann.signedIn()
    const token = async (): Promise<string> => (await ann.context.cookies()).find((c) => c.name === 'auth_token')!.value
    const before = { claims: (await tab.claims())!.payload, token: await token() }
    expect(before.claims.roles).toEqual(['user'])
    await stage.setRoles(ann, ['user', 'analyst', 'reviewer'])
    await until(() => Date.now() / 1000 > before.claims.iat + 1, 'the next second has begun')
    await tab.click('approve')
    await recovered(tab, 'auto', '/ui/reports', ['user', 'analyst', 'reviewer'])
    const after = (await tab.claims())!.payload
    expect(after.iat).toBeGreaterThan(before.claims.iat)
    expect(after.exp).toBeGreaterThan(before.claims.exp)
    expect((await token()).split('.')[2]).not.toBe(before.token.split('.')[2])
    ann.tokens.add(before.token)
    const [current, told] = await tab.page.evaluate(async () =>
      [await (window as any).keyturn.getCurrentToken(), await (await fetch('/auth/userinfo')).json()])
    expect([current, told.sub, told.roles, told.exp]).toEqual([null, ann.sub, after.roles, after.exp])
    says(tab, 'auto', '/ui/reports')
  })
})

describe('by redirect, with time to read on the callback page', () => {
  const stage = setSigninStage({ claims: 'idp', mode: 'redirect' }, {}, '--callback-delay', '1s')

  test('T7: a tab that loses its memory during the sign-in ends on the default page', async () => {
    covers('T7', 'EDGE-03', 'CTX-05')
    const ann = await stage.person()
    const tab = await ann.signedIn('/ui/reports?thread_id=test')
    await stage.setRoles(ann, ['user', 'analyst'])
    const held = await tab.holdCallback()
    await tab.click('load-reports')
    await held.arrived
    await tab.page.evaluate(() => { sessionStorage.clear() })
    held.release()
    await tab.arrives('/ui/reports')
    expect(tab.story.filter((l) => l.startsWith('[Callback]') || l === redirecting)).toEqual([
      redirecting, '[Callback] Will redirect to /ui/reports in 1 second (or enable "Preserve log" in DevTools)',
      lost, '[Callback] Redirecting to /ui/reports', '[Callback] NOW redirecting to /ui/reports',
    ])
    await tab.page.getByTestId('rows').locator('tr').first().waitFor()
    expect(await tab.roles()).toEqual(['user', 'analyst'])
  })

  test('the callback page waits where it was told to, and only there', async () => {
    covers('OAU-11', 'LOG-11', 'LOG-09')
    const ann = await stage.person()
    const tab = await ann.tab()
    const at: Record<string, number> = {}
    tab.page.on('console', (m) => { at[/\[Callback\] (Will|NOW)/.exec(m.text())?.[1] ?? ''] ??= m.timestamp() })
    await tab.open('/ui/reports')
    await tab.click('signin')
    await tab.loginAtProvider()
    await tab.arrives('/ui/reports')
    expect(tab.story.filter((l) => l.startsWith('[Callback]'))).toEqual([
      '[Callback] Will redirect to /ui/reports in 1 second (or enable "Preserve log" in DevTools)',
      '[Callback] Normal login, redirecting to reports', '[Callback] Redirecting to /ui/reports', '[Callback] NOW redirecting to /ui/reports',
    ])
    expect(at.NOW! - at.Will!).toBeGreaterThan(900) // by the page's clock: never much shorter, however slow the machine
    // Back on the callback page without a place, as after a tab was restored: the default page.
    tab.restart()
    await tab.open('/ui/callback?refresh=true')
    await tab.arrives('/ui/reports')
    expect(tab.story).toContain(lost)
  })
})
