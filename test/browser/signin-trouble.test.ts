import { expect, test } from 'vitest'
import { covers } from './covers.js'
import { until } from './daemon.js'
import type { Person, Tab } from './person.js'
import { endSession, setSigninStage } from './signin-stage.js'

// A provider that is down, slow, turns its own keys or drops a user, as the pages of those who are signed in see it:
// what they wait for settles, nobody is sent to a provider that is not there, and everything goes on when it is back.

const stage = setSigninStage({ claims: 'idp', mode: 'auto' })

const notice = (tab: Tab): ReturnType<Tab['page']['locator']> => tab.page.locator('keyturn-notice')

/** A protected call by bare fetch: the status, or what it is rejected with. */
const call = (tab: Tab, path = '/reporting/api/reports'): Promise<number | string> =>
  tab.page.evaluate((p) => fetch(p).then((r) => r.status, (e) => String(e.message)), path)

const refresh = (tab: Tab): Promise<string> =>
  tab.page.evaluate(() => (window as any).keyturn.refresh().then(() => 'refreshed', (e: any) => `${e.code}: ${e.message}`))

/** Lets what the server has found of the provider grow as old as it may be before somebody is sent there. */
const settle = async (): Promise<void> => {
  const since = Date.now()
  await until(() => Date.now() - since > 2_100, 'the server asks the provider again')
}

/** Waits until somebody's page would be sent to the provider again. */
const back = async (who: Person): Promise<void> => until(async () => {
  const { status } = await fetch(`${who.app}/auth/login`, { redirect: 'manual' })
  return status === 302
}, 'the server finds the provider again')

test('while the provider is down the last claims do, and nobody notices', async () => {
  covers('SIL-01', 'SIL-05')
  const ann = await stage.person()
  const tab = await ann.signedIn()
  stage.provider.users.grant(ann.name, 'analyst')
  await stage.provider.down()
  try {
    expect(await refresh(tab)).toBe('refreshed')
    expect(await tab.roles()).toEqual(['user'])
    expect(await notice(tab).count()).toBe(0)
    // A role that the provider has given meanwhile is not known: denied, once, and no way is gone that leads nowhere.
    expect(await call(tab)).toBe(403)
    expect([tab.visits, tab.redirects, tab.frames]).toEqual([[], 0, 0])
  } finally {
    await stage.provider.up()
  }
  expect(await refresh(tab)).toBe('refreshed')
  expect(await tab.roles()).toEqual(['user', 'analyst'])
  expect(await call(tab)).toBe(200)
})

test('with the session over and the provider down a page stays where it is, says so, and goes on when it is back', async () => {
  covers('SIL-04', 'SIL-06', 'RET-07')
  const place = '/ui/reports?page=2#row-3'
  const ann = await stage.person()
  const tab = await ann.signedIn(place)
  ann.expected = /./ // the console tells of calls that got no answer
  stage.provider.users.grant(ann.name, 'analyst')
  await tab.mark()
  await endSession(ann)
  await stage.provider.down()
  try {
    await settle()
    const calls = await tab.page.evaluate(() => Promise.all(['reports', 'sources', 'threads'].map((p) => fetch(`/reporting/api/${p}`).then((r) => r.status, (e: Error) => e.message))))
    for (const got of calls) expect(got).toBe(403) // its own answer: the token still works, and nothing better came
    expect([tab.visits, tab.redirects, await tab.marked(), tab.page.url()]).toEqual([[], 0, true, ann.app + place])
    await notice(tab).waitFor({ state: 'attached' })
    // Asked for by hand, too.
    expect(await refresh(tab)).toContain('provider_unavailable')
    expect([tab.visits, await tab.marked()]).toEqual([[], true])
    expect((await tab.claims())?.payload.sub).toBe(ann.sub) // the token that lives is kept
  } finally {
    await stage.provider.up()
  }
  await back(ann)
  await until(async () => (await refresh(tab)) === 'refreshed', 'the page is signed in again')
  expect(await tab.roles()).toEqual(['user', 'analyst'])
  expect([await tab.marked(), tab.redirects]).toEqual([true, 0])
})

test('who wants to sign in at a provider that is down is told, and has a way back', async () => {
  covers('OAU-12', 'OAU-10')
  const ann = await stage.person()
  ann.expected = /./
  const tab = await ann.tab()
  await tab.open('/ui/reports')
  await stage.provider.down()
  try {
    await settle()
    await tab.click('signin')
    await tab.page.getByText('the identity provider does not answer; try again').waitFor()
    expect(new URL(tab.page.url()).origin).toBe(ann.app)
  } finally {
    await stage.provider.up()
  }
  await back(ann)
  await tab.page.goBack()
  await tab.click('signin')

  // Down between its page and the callback: the app's page says so, and leads to another try.
  await tab.page.getByTestId('idp-name').waitFor()
  const release = stage.provider.hold('token')
  await tab.loginAtProvider()
  await release.arrived
  await stage.provider.down()
  release()
  const shown = tab.page.getByRole('alert')
  await shown.waitFor()
  expect(await shown.innerText()).toContain('provider_unavailable')
  expect(new URL(tab.page.url()).origin).toBe(ann.app)
  await stage.provider.up()
  await back(ann)
  await tab.page.getByRole('link', { name: 'Return to login' }).click()
  await tab.arrives('/ui/reports')
  expect((await tab.claims())?.payload.sub).toBe(ann.sub)
})

test('a provider that hangs holds a call up for seconds, not for ever, and no other person\'s', async () => {
  covers('EDGE-06', 'REF-14')
  const ann = await stage.person()
  const tab = await ann.signedIn()
  stage.provider.users.grant(ann.name, 'analyst')
  const release = stage.provider.hold('token')
  try {
    const held = Promise.all([call(tab), call(tab), call(tab)])
    await release.arrived
    // Who needs nothing of the provider is served meanwhile.
    expect(await tab.page.evaluate(() => fetch('/api/hello').then((r) => r.status))).toBe(200)
    expect(await held).toEqual([403, 403, 403])
    expect(stage.provider.requests('/token').filter((r) => r.grant === undefined).length).toBe(1)
    expect([tab.visits, tab.frames]).toEqual([[], 0])
  } finally {
    release()
  }
  // What the provider says late is for the next refresh; no token of it is lost.
  expect(await refresh(tab)).toBe('refreshed')
  expect(await tab.roles()).toEqual(['user', 'analyst'])
})

test('a provider turns its own keys, and pages that refresh and people who sign in do not notice', async () => {
  covers('SIL-05', 'EDGE-15')
  const ann = await stage.person()
  const tab = await ann.signedIn()
  stage.provider.forget()
  stage.provider.turnKeys()
  expect(await refresh(tab)).toBe('refreshed')
  const ben = await stage.person()
  await ben.signedIn()
  expect(await refresh(tab)).toBe('refreshed')
  expect(stage.provider.requests('/jwks')).toHaveLength(1)
  expect(await notice(tab).count()).toBe(0)
  expect(tab.visits).toEqual([])
})

test('a user whom the provider drops is out in all tabs, is told why, and comes back only if it lets them', async () => {
  covers('SIL-06', 'CTX-09')
  const ann = await stage.person()
  const tab = await ann.signedIn()
  const other = await ann.another()
  ann.expected = /./
  stage.provider.users.revoke(ann.name)
  const goOn = await tab.holdReason()
  void refresh(tab).catch(() => {}) // the page is left meanwhile
  await tab.page.getByText('Your authentication session has expired. Please log in again.').first().waitFor()
  await until(() => tab.story.some((l) => l.includes('[Callback] Silent refresh failed (OIDC session expired)')), 'the callback page says why')
  await goOn()
  await tab.page.getByTestId('idp-name').waitFor() // and once that could be read the login is there
  expect(tab.redirects).toBe(2)
  const answer = await other.page.evaluate(() => fetch('/auth/refresh', { method: 'POST' }).then((r) => r.status))
  expect(answer).toBe(401)
  // The other tab has been told.
  await until(async () => (await other.status()).token === null, 'the other tab is out, too')
  expect(await call(other)).not.toBe(200)
  // The provider does not let them in.
  await tab.loginAtProvider()
  await tab.page.getByText('Nobody of that name may sign in.').waitFor()
})
