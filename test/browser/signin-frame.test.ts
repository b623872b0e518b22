import { describe, expect, test } from 'vitest'
import { covers } from './covers.js'
import { until } from './daemon.js'
import type { Person, Tab } from './person.js'
import { endSession, setSigninStage, type SigninStage } from './signin-stage.js'

// The session is over at keyturn while the token still lives, so that a refresh has to ask the provider: in a hidden
// frame first, and by leaving the page only as the last resort.

/** Chromium says in the console that it shows no page in a frame that forbids it. */
const refused = /frame because it set 'X-Frame-Options'/

const expired = 'Your authentication session has expired. Please log in again.'
const redirecting = '[fetchWithAuth] Redirecting to refresh login flow'
const returning = (place: string): string => `[Callback] Token refreshed, returning to: ${place}`
const toRedirect = [
  '[fetchWithAuth] Got 403 Forbidden, user may need permission refresh',
  '[fetchWithAuth] First 403, attempting token refresh',
  '[fetchWithAuth] Waiting 500ms before refresh...',
  redirecting,
]
const story = (tab: Tab, of: string): string[] => tab.story.filter((l) => l.startsWith(of))
const iframes = (tab: Tab): Promise<number> => tab.page.locator('iframe').count()
const notice = (tab: Tab): ReturnType<Tab['page']['locator']> => tab.page.locator('keyturn-notice')

/** A protected call by bare fetch: the status, or what it is rejected with. */
const call = (tab: Tab, path = '/reporting/api/reports'): Promise<number | string> =>
  tab.page.evaluate((p) => fetch(p).then((r) => r.status, (e) => String(e.message)), path)

/** Somebody with a token that lives, no session, and a role that the token does not know yet. */
async function ended(stage: SigninStage, path = '/ui/reports'): Promise<{ ann: Person, tab: Tab }> {
  const ann = await stage.person()
  const tab = await ann.signedIn(path)
  stage.provider.users.grant(ann.name, 'analyst')
  await endSession(ann)
  stage.provider.forget()
  return { ann, tab }
}

describe('a provider of the same site', () => {
  const stage = setSigninStage({ claims: 'idp', mode: 'auto' })

  test('a hidden frame signs in again without a navigation, and the call goes on', async () => {
    covers('SIL-01', 'SIL-02', 'FUT-1')
    const { tab } = await ended(stage)
    await tab.mark()
    expect(await call(tab)).toBe(200)
    expect(await tab.roles()).toEqual(['user', 'analyst'])
    expect([await tab.marked(), tab.visits, tab.frames, tab.redirects]).toEqual([true, [], 1, 0])
    expect(await iframes(tab)).toBe(0)
    expect(stage.provider.requests('/auth').map((r) => [r.framed, r.query.get('prompt')])).toEqual([[true, 'none']])
    expect(tab.story).toEqual([
      '[fetchWithAuth] Got 403 Forbidden, user may need permission refresh',
      '[fetchWithAuth] First 403, attempting token refresh',
      '[fetchWithAuth] Waiting 500ms before refresh...',
      'DynamicAuthManager: Refreshing token...',
      'DynamicAuthManager: Token refreshed successfully',
    ])
    expect(await notice(tab).count()).toBe(0)
  })

  test('several tabs share one frame', async () => {
    covers('SIL-02', 'REF-14')
    const ann = await stage.person()
    const tabs = [await ann.signedIn(), await ann.another(), await ann.another()]
    stage.provider.users.grant(ann.name, 'analyst')
    await endSession(ann)
    stage.provider.forget()
    expect(await Promise.all(tabs.map((t) => call(t)))).toEqual([200, 200, 200])
    expect(stage.provider.requests('/auth')).toHaveLength(1)
    expect(tabs.flatMap((t) => t.visits)).toEqual([])
  })

  test('a provider that forbids framing is gone to, once, and the page comes back as it was', async () => {
    covers('SIL-04', 'ACC-2', 'PERF-03')
    const place = '/ui/reports?thread_id=test123&page=2#row-3'
    const { ann, tab } = await ended(stage, place)
    ann.expected = refused
    stage.provider.framing = 'deny'
    await tab.click('load-reports')
    await until(() => tab.story.includes(returning(place)), 'the callback leads back')
    await tab.arrives(place)
    expect(await tab.roles()).toEqual(['user', 'analyst'])
    await tab.page.getByTestId('rows').locator('tr').first().waitFor()
    expect([tab.frames, tab.redirects]).toEqual([1, 1])
    expect(story(tab, '[fetchWithAuth]')).toEqual(toRedirect)
    // The user was signed in there all the time: nobody was asked for a name.
    expect(stage.provider.requests('/auth').map((r) => [r.framed, r.query.get('prompt')])).toEqual([[true, 'none'], [false, null]])
    expect(tab.visits.filter((v) => v.includes('/interaction/'))).toEqual([])
  })

  test('a logout while the frame waits wins; what the frame says late is not heard', async () => {
    covers('EDGE-02', 'SEC-07')
    const { tab } = await ended(stage)
    const release = stage.provider.hold('authorize')
    await tab.click('load-reports')
    await release.arrived
    expect(await iframes(tab)).toBe(1)
    await tab.click('signout')
    await until(async () => (await iframes(tab)) === 0, 'the frame is gone')
    release()
    await tab.page.getByTestId('signin').waitFor()
    expect((await tab.status()).token).toBe(null)
    expect(await call(tab, '/api/hello')).toBe(401)
    expect(tab.story).not.toContain('DynamicAuthManager: Token refreshed successfully')
  })

  test('nobody loses what they have typed: the page is left when its user says so', async () => {
    covers('REF-09', 'NOT-21')
    const { ann, tab } = await ended(stage)
    ann.expected = refused
    stage.provider.framing = 'deny'
    await tab.page.evaluate(() => { document.querySelector('main')!.append(Object.assign(document.createElement('textarea'), { id: 'draft' })) })
    await tab.page.locator('#draft').fill('half a sentence')
    expect(await call(tab)).toBe(403)
    await notice(tab).getByRole('button', { name: 'Refresh Token', exact: true }).waitFor()
    expect([await tab.page.locator('#draft').inputValue(), tab.redirects]).toEqual(['half a sentence', 0])
    tab.restart()
    await notice(tab).getByRole('button', { name: 'Refresh Token', exact: true }).click({ noWaitAfter: true })
    await until(() => tab.story.includes(returning('/ui/reports')), 'the callback leads back')
    await tab.arrives('/ui/reports')
    expect(await tab.roles()).toEqual(['user', 'analyst'])
  })
})

describe('a provider of another site, whose cookies the browser keeps from frames', () => {
  const stage = setSigninStage({ claims: 'idp', mode: 'auto' }, { host: 'localhost' })

  test('what it says in a frame is no proof: it is gone to, asks nobody for a name, and the page comes back', async () => {
    covers('SIL-03', 'ACC-2')
    const place = '/ui/reports?thread_id=churn#row-2'
    const { tab } = await ended(stage, place)
    await tab.click('load-reports')
    await until(() => tab.story.includes(returning(place)), 'the callback leads back')
    await tab.arrives(place)
    expect(await tab.roles()).toEqual(['user', 'analyst'])
    expect([tab.frames, tab.redirects]).toEqual([1, 1])
    expect(stage.provider.requests('/auth').map((r) => [r.framed, r.query.get('prompt')])).toEqual([[true, 'none'], [false, 'none']])
    expect(story(tab, '[fetchWithAuth]')).toEqual(toRedirect)
  })

  test('a session that is over there, too: the user is told, and led to the login, once', async () => {
    covers('SIL-06', 'OAU-09', 'LOG-15')
    const { ann, tab } = await ended(stage, '/ui/reports?page=2')
    stage.provider.endSession(ann.name)
    const goOn = await tab.holdReason()
    expect(await call(tab)).toBe('TOKEN_REFRESH_IN_PROGRESS')
    const { page } = tab
    await page.getByText(expired).waitFor()
    expect(new URL(page.url()).pathname).toBe('/ui/callback')
    expect([await tab.kept('postLoginUrl'), await tab.kept('postRefreshUrl')]).toEqual([null, null])
    await goOn()
    await page.getByTestId('idp-name').waitFor()
    expect(story(tab, '[Callback]')).toEqual(['[Callback] Silent refresh failed (OIDC session expired), redirecting to login'])
    // A user who turns away is offered to sign in, and not sent off again.
    await tab.open('/ui/reports')
    await page.getByTestId('signin').waitFor()
    expect(await call(tab)).toBe(401)
    expect([tab.frames, tab.count('GET', '/auth/login')]).toEqual([1, 3]) // frame, without a word, with one
    await tab.click('signin')
    await tab.loginAtProvider()
    await tab.arrives('/ui/reports')
    expect(await tab.roles()).toEqual(['user', 'analyst'])
    expect(story(tab, '[Callback]')).toContain('[Callback] Normal login, redirecting to reports')
  })
})

describe('silent', () => {
  const stage = setSigninStage({ claims: 'idp', mode: 'silent' })

  test('a page that may not be left stays, and says what happened', async () => {
    covers('SIL-04', 'OAU-09')
    const ann = await stage.person()
    ann.expected = refused
    const tab = await ann.signedIn()
    await tab.mark()
    await endSession(ann)
    stage.provider.framing = 'deny'
    // The refusal is the caller's, and the user sees what can be done.
    expect([403, 'UNAUTHORIZED']).toContain(await call(tab))
    await notice(tab).getByRole('button', { name: 'Dismiss', exact: true }).first().waitFor()
    expect([await tab.marked(), tab.visits, tab.redirects]).toEqual([true, [], 0])
    expect(tab.story).not.toContain(redirecting)
  })

  test('a 401 that nothing can mend clears the page, and its caller hears that the user has to sign in', async () => {
    covers('OAU-18', 'CTX-09', 'LOG-15')
    const { ann, tab } = await ended(stage)
    stage.provider.endSession(ann.name)
    await tab.page.evaluate(() => { sessionStorage.setItem('postLoginUrl', '/ui/stale') })
    expect(await call(tab)).toBe('UNAUTHORIZED')
    await notice(tab).getByText(expired).waitFor()
    expect([await tab.kept('postLoginUrl'), (await tab.status()).token]).toEqual([null, null])
    await tab.page.getByTestId('signin').waitFor()
    expect(story(tab, '[Callback]')).toEqual(['[Callback] Silent refresh failed (OIDC session expired)'])
    expect([tab.frames, tab.redirects, tab.visits]).toEqual([1, 0, []])
  })
})
