import { expect, test } from 'vitest'
import { covers } from './covers.js'
import { until } from './daemon.js'
import type { Tab } from './person.js'
import { endSession, setSigninStage } from './signin-stage.js'

// Where somebody ends up who was sent through a sign-in: exactly where they were, whatever happened on the way.

const stage = setSigninStage({ claims: 'idp', mode: 'redirect' })

const redirecting = '[fetchWithAuth] Redirecting to refresh login flow'
const returning = (place: string): string => `[Callback] Token refreshed, returning to: ${place}`
const normal = '[Callback] Normal login, redirecting to reports'

/** Lets a call be refused, without waiting: the page is about to be left. */
const refuse = (tab: Tab): Promise<void> => tab.page.evaluate(() => { void fetch('/reporting/api/reports').catch(() => {}) })

/** What the page knew when it was left, once another page of the app is there. */
const lastWords = (tab: Tab): Promise<any> => tab.page.evaluate(() => JSON.parse(localStorage.lastWords ?? 'null'))

// Addresses that are easily mangled: read once too often, encoded once too often, cut off, sorted.
const addresses = [
  '/ui/reports?filter=a%20b+c%2Bd',
  '/ui/reports?tag=1&tag=2&tag=1',
  '/ui/reports?thread_id=%2Fui%2Fadmin%3Fx%3D1%26y%3D2',
  '/ui/reports?q=caf%C3%A9%20%E2%98%95%20%F0%9F%94%91',
  '/ui/reports?empty=&bare&=nameless',
  '/ui/reports?next=https%3A%2F%2Fevil.example%2F%3Frefresh%3Dtrue',
  '/ui/reports?refresh=true&code=mine&state=mine&error=mine',
  '/ui/reports?percent=100%25&quote=%22%27%3C%3E',
  '/ui/reports#a?b=c&refresh=true#d',
  `/ui/reports?long=${'x'.repeat(6000)}#end`,
]

test('difficult addresses come back letter by letter', async () => {
  covers('EDGE-05', 'CTX-02', 'CTX-04')
  const ann = await stage.person()
  const tab = await ann.signedIn()
  const back: string[] = []
  for (const [i, address] of addresses.entries()) {
    await tab.open(address)
    await tab.arrives(address, false)
    await tab.page.evaluate(() => {
      const w = window as any
      w.keyturn.configure({ refreshDelayMs: 0 })
      for (const key of Object.keys(localStorage)) if (key.startsWith('keyturn:budget')) localStorage.removeItem(key) // ten refusals in a row are none of a user's
    })
    stage.provider.users.set(ann.name, 'user', `role-${i}`)
    tab.restart()
    await refuse(tab)
    await until(() => tab.story.includes(returning(address)), `the callback leads back to ${address.slice(0, 80)}`)
    await tab.arrives(address, false)
    expect(await tab.roles()).toContain(`role-${i}`)
    expect(await tab.kept('postLoginUrl')).toBe(null)
    back.push(await tab.page.evaluate(() => location.pathname + location.search + location.hash))
  }
  expect(back).toEqual(addresses)
})

test('a redirect keeps the place, names provider, audience and the way back, and settles the calls that wait', async () => {
  covers('OAU-01', 'CTX-01', 'RET-07')
  const place = '/ui/reports?thread_id=churn#row-2'
  const ann = await stage.person()
  const tab = await ann.signedIn(place)
  stage.provider.users.grant(ann.name, 'analyst')
  const logins: string[] = []
  tab.page.on('request', (r) => { if (new URL(r.url()).pathname === '/auth/login') logins.push(r.url()) })
  const release = stage.provider.hold('authorize')
  await tab.page.evaluate(() => {
    const settled: string[] = []
    addEventListener('pagehide', () => { localStorage.lastWords = JSON.stringify({ kept: sessionStorage.getItem('postLoginUrl'), settled }) })
    for (const api of ['reports', 'sources', 'threads']) {
      void fetch(`/reporting/api/${api}`).then((r) => settled.push(`${r.status}`), (e) => settled.push(`${e.code}: ${e.message}`))
    }
  })
  await until(() => tab.story.filter((l) => l.includes('Got 403')).length === 3, 'all three are refused')
  release()
  await until(() => tab.story.includes(returning(place)), 'the callback leads back')
  await tab.arrives(place)
  expect(await lastWords(tab)).toEqual({ kept: place, settled: Array(3).fill('redirecting: TOKEN_REFRESH_IN_PROGRESS') })
  expect(logins).toHaveLength(1)
  expect(logins[0]).toContain(`redirect_uri=${encodeURIComponent(`${ann.app}/ui/callback?refresh=true`)}`)
  expect(Object.fromEntries(new URL(logins[0]!).searchParams)).toEqual({
    provider: 'idp', aud: 'demo', redirect_uri: `${ann.app}/ui/callback?refresh=true`,
  })
})

test('the callback is told that it ends a refresh, says that it is busy, and keeps nothing in its address', async () => {
  covers('OAU-02', 'OAU-10', 'LOG-10')
  const ann = await stage.person()
  const tab = await ann.signedIn('/ui/reports?page=2')
  stage.provider.users.grant(ann.name, 'analyst')
  const held = await tab.holdCallback()
  await refuse(tab)
  await held.arrived
  await tab.page.getByText('Signing you in...').waitFor()
  expect(tab.visits.filter((v) => v.includes('/ui/callback'))[0]).toBe(`${ann.app}/ui/callback?refresh=true`)
  expect(tab.visits.some((v) => /[?&](code|state|token)=/.test(v) && v.startsWith(`${ann.app}/ui/`))).toBe(false)
  held.release()
  await tab.arrives('/ui/reports?page=2')
  expect(tab.story.filter((l) => l.startsWith('[Callback]'))).toEqual([returning('/ui/reports?page=2'), '[Callback] Redirecting to /ui/reports?page=2'])
  // It is not in the way of the back button.
  await tab.page.goBack()
  await until(() => !tab.page.url().includes('/ui/callback'), 'the back button leads past the callback')
})

test('an ordinary sign-in opens the default page, and leaves the place of another flow alone', async () => {
  covers('CTX-06', 'LOG-12')
  const ann = await stage.person()
  const tab = await ann.tab()
  await tab.open('/ui/admin?elsewhere')
  await tab.page.getByTestId('signin').waitFor() // by then it is known that nobody is signed in, and what was kept is dropped
  await tab.page.evaluate(() => { sessionStorage.setItem('postLoginUrl', '/ui/reports?of=another') })
  await tab.click('signin')
  await tab.loginAtProvider()
  await tab.arrives('/ui/reports')
  expect(tab.story.filter((l) => l.startsWith('[Callback]'))).toEqual([normal, '[Callback] Redirecting to /ui/reports'])
  expect(await tab.kept('postLoginUrl')).toBe('/ui/reports?of=another')
})

test('a reload on the provider\'s page, and one on the callback, do no harm', async () => {
  covers('EDGE-04', 'CTX-07')
  const place = '/ui/reports?thread_id=latency&page=2#row-1'
  const ann = await stage.person()
  const tab = await ann.signedIn(place)
  // The provider wants a name again, so that its page is there to be reloaded.
  stage.provider.users.grant(ann.name, 'analyst')
  stage.provider.endSession(ann.name)
  await refuse(tab)
  await tab.page.getByTestId('idp-name').waitFor()
  await tab.page.reload()
  await tab.page.getByTestId('idp-name').waitFor()
  const held = await tab.holdCallback()
  await tab.loginAtProvider()
  await held.arrived
  const reloaded = tab.page.reload({ waitUntil: 'commit' })
  held.release()
  await reloaded
  await tab.arrives(place)
  expect(await tab.roles()).toEqual(['user', 'analyst'])
  expect(tab.story).toContain(returning(place))
  expect(tab.redirects).toBe(1)
})

test('a logout while the page is being left keeps it where it is, also where the provider has no page for that', async () => {
  covers('EDGE-02', 'LOOP-06')
  const ann = await stage.person()
  const tab = await ann.signedIn()
  await tab.page.route('**/auth/logout*', async (route) => {
    await route.fetch()
    await route.fulfill({ status: 204 })
  })
  const signOut = await tab.pointAt('signout')
  const release = stage.provider.hold('authorize')
  await refuse(tab)
  await release.arrived
  await signOut()
  await until(async () => (await ann.context.cookies()).every((c) => !c.name.startsWith('keyturn')), 'the session is over')
  release()
  await tab.page.getByTestId('signin').waitFor()
  expect([tab.visits, await tab.kept('postLoginUrl')]).toEqual([[], null])
})

test('two tabs that are sent to sign-in at once each come back to their own place', async () => {
  covers('CTX-11', 'SEC-03')
  const ann = await stage.person()
  const places = ['/ui/reports?thread_id=churn', '/ui/reports?thread_id=hiring#row-4']
  const tabs = [await ann.signedIn(places[0]), await ann.another(places[1])]
  stage.provider.users.grant(ann.name, 'analyst')
  const release = stage.provider.hold('authorize')
  await Promise.all(tabs.map(refuse))
  await until(() => stage.provider.requests('/auth').filter((r) => r.status === 0).length === 2, 'both are at the provider')
  release()
  for (const [i, tab] of tabs.entries()) {
    await until(() => tab.story.includes(returning(places[i]!)), 'the callback leads back')
    await tab.arrives(places[i]!)
    expect(tab.redirects).toBe(1)
  }
})

test('whoever turns back at the provider, or says no there, is not stuck', async () => {
  covers('OAU-12', 'OAU-08')
  const ann = await stage.person()
  const tab = await ann.tab()
  await tab.open('/ui/reports')
  await tab.click('signin')
  await tab.page.getByTestId('idp-name').waitFor()
  await tab.page.goBack()
  await tab.page.getByTestId('signin').waitFor()
  await tab.click('signin')
  await tab.page.getByTestId('idp-decline').click({ noWaitAfter: true })
  const { page } = tab
  await page.getByRole('heading', { name: 'Authentication Error' }).waitFor()
  await page.getByText('OAuth error: access_denied').waitFor()
  expect(page.url()).toBe(`${ann.app}/ui/callback`)
  // The next visit works, and so does the card's own link.
  await page.getByRole('link', { name: 'Return to login' }).click({ noWaitAfter: true })
  await tab.loginAtProvider()
  await tab.arrives('/ui/reports')
  // A callback that nobody was sent to has nothing to give, and says so.
  await endSession(ann)
  await tab.open('/ui/callback')
  await page.getByText('No authorization token received').waitFor()
})

test('a place under the older name is honoured, and goes before the newer one', async () => {
  covers('CTX-12')
  const ann = await stage.person()
  const tab = await ann.signedIn()
  stage.provider.users.grant(ann.name, 'analyst')
  const held = await tab.holdCallback()
  await refuse(tab)
  await held.arrived
  await tab.page.evaluate(() => { sessionStorage.setItem('postRefreshUrl', '/ui/reports?older') })
  held.release()
  await tab.arrives('/ui/reports?older')
  expect([await tab.kept('postLoginUrl'), await tab.kept('postRefreshUrl')]).toEqual([null, null])
})

test('without any storage a sign-in still works, ends on the default page, and is no loop', async () => {
  covers('CTX-10', 'EDGE-14', 'PERF-03')
  const ann = await stage.person()
  await ann.context.addInitScript(() => {
    for (const name of ['sessionStorage', 'localStorage']) {
      Object.defineProperty(window, name, { get() { throw new DOMException('storage is off', 'SecurityError') } })
    }
  })
  const tab = await ann.signedIn('/ui/reports?page=2')
  await refuse(tab)
  await until(() => tab.story.includes('[Callback] Token refreshed, location lost, using default'), 'the callback leads back')
  await tab.arrives('/ui/reports')
  expect(tab.redirects).toBe(1)
  // Refused again for the same role, which nobody gave: the page stays.
  expect(await tab.page.evaluate(() => fetch('/reporting/api/reports').then((r) => r.status, (e) => e.message))).toBe(403)
  expect(tab.redirects).toBe(1)
  expect(tab.story.filter((l) => l === redirecting)).toHaveLength(1)
  // Nothing of that is in the way of a role that is granted.
  await stage.setRoles(ann, ['user', 'analyst'], true)
  await until(async () => (await tab.roles())?.join() === 'user,analyst', 'the new role is there')
})
