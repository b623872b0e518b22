import { describe, expect, test } from 'vitest'
import type { Redirect } from '../src/redirect'
import type { Standing } from '../src/signin'
import { nextWay, Way } from '../src/signin'
import { covers } from './covers'
import { here, told } from './ended'
import { problem } from './server'
import { World } from './world'

describe('after a session that is over', () => {
  const base: Standing = { mode: 'auto', trigger: '401', known: true, visible: true, said: 'blocked', recent: false }
  test.each<[string, Partial<Standing>, Way]>([
    ['an app that signs in by itself is told', { mode: 'off', said: null }, Way.over],
    ['a page that nobody was signed in to stays as it is', { known: false, said: null }, Way.over],
    ['a frame that may not be shown gives way', {}, Way.redirect],
    ['a frame whose session did not last gives way', { said: 'ok' }, Way.redirect],
    ['a provider that knows nobody in a frame is asked without one', { said: 'login_required' }, Way.redirect],
    ['but not a second time', { said: 'login_required', recent: true }, Way.refused],
    ['a tab that has just been sent away is not sent again', { recent: true }, Way.over],
    ['the redirect needs no frame', { mode: 'redirect', said: null }, Way.redirect],
    ['nothing leaves a page that is to stay', { mode: 'silent' }, Way.over],
    ['and its user is told why', { mode: 'silent', said: 'interaction_required' }, Way.refused],
    ['consent is the user’s as well', { mode: 'silent', said: 'consent_required' }, Way.refused],
    ['so is the choice of an account', { mode: 'silent', said: 'account_selection_required' }, Way.refused],
    ['so is another account', { mode: 'silent', said: 'account_changed' }, Way.refused],
    ['nobody is sent to a sign-in that is set up wrongly', { said: 'return_refused' }, Way.mend],
    ['not even silently', { mode: 'silent', said: 'provider_missing' }, Way.mend],
    ['a click may leave the page', { trigger: 'manual' }, Way.redirect],
    ['a 403 may', { trigger: '403' }, Way.redirect],
    ['a token at its end may, while somebody looks', { trigger: 'expiry' }, Way.redirect],
    ['but not unseen', { trigger: 'expiry', visible: false }, Way.later],
    ['nor may the start of a page', { trigger: 'start' }, Way.later],
    ['nor a turned key', { trigger: 'event' }, Way.later],
    ['nor changed roles', { trigger: 'claims' }, Way.later],
    ['nor the connection', { trigger: 'socket' }, Way.later],
  ])('%s', (_, change, way) => {
    covers('SIL-02')
    expect(nextWay({ ...base, ...change })).toBe(way)
  })
})

describe('signIn()', () => {
  test('goes to the login for an ordinary sign-in, and touches no kept place', async () => {
    covers('CTX-06')
    const seen: Redirect[] = []
    const world = new World()
    const tab = world.browser().tab(here)
    tab.session.setItem('postLoginUrl', '/ui/kept')
    tab.start({ settings: { signIn: 'silent', onBeforeRedirect: (redirect) => seen.push(redirect) } })
    await world.run(1_000)
    const done = tab.keyturn.signIn({ prompt: 'select_account' })
    await world.run(100)
    await done
    const url = 'https://app.example.com/auth/login?provider=&aud=&redirect_uri=https%3A%2F%2Fapp.example.com%2Fui%2Fcallback&prompt=select_account'
    expect([tab.address.gone, seen, tab.session.getItem('postLoginUrl'), told(tab)]).toEqual([[url], [{ reason: 'login', asked: true, url, returnTo: '/ui/reports' }], '/ui/kept', []])
  })
})

describe('the logout', () => {
  test('goes to the provider’s own, in the tab that asked', async () => {
    covers('SEC-07')
    const world = new World()
    const browser = world.browser()
    const tabs = [browser.tab(here), browser.tab(here)] as const
    for (const tab of tabs) tab.start({ settings: { signIn: 'auto', defaultReturnPath: '/ui/home' } })
    await world.run(1_000)
    const seen: string[] = []
    world.server.logoutScript = ({ url }) => (seen.push(url), Response.json({ logoutUrl: 'https://idp.example/logout?x=1' }))
    const done = tabs[0].keyturn.logout()
    await world.run(1_000)
    await done
    expect(seen).toEqual(['https://app.example.com/auth/logout?post_logout_redirect_uri=https%3A%2F%2Fapp.example.com%2Fui%2Fhome'])
    expect(tabs.map((tab) => [tab.address.gone, tab.keyturn.status().token])).toEqual([[['https://idp.example/logout?x=1'], null], [[], null]])
  })

  test.each(['javascript:alert(1)', '/relative', 7, null])('does not go to %j', async (logoutUrl) => {
    const world = new World()
    const tab = world.browser().tab(here).start({ settings: { signIn: 'auto' } })
    await world.run(1_000)
    world.server.logoutScript = () => Response.json({ logoutUrl })
    const done = tab.keyturn.logout()
    await world.run(1_000)
    await done
    expect(tab.address.gone).toEqual([])
  })

  test('where the server will not come back to this app still signs out', async () => {
    const world = new World()
    const tab = world.browser().tab(here).start({ settings: { signIn: 'auto' } })
    await world.run(1_000)
    world.server.logoutScript = ({ url }) => (url.includes('?') ? problem(400, 'return_refused') : null)
    const done = tab.keyturn.logout()
    await world.run(1_000)
    await done
    expect([tab.browser.cookie, tab.calls.filter((call) => call.endsWith('/auth/logout')).length]).toEqual([null, 2])
  })

  test('that is answered with a page is one, too', async () => {
    const world = new World()
    const tab = world.browser().open({ settings: { signIn: 'auto' } })
    await world.run(1_000)
    world.server.logoutScript = () => new Response('<p>Goodbye</p>')
    const done = tab.keyturn.logout().then(() => 'out', (error: Error) => error)
    await world.run(1_000)
    expect([await done, tab.address.gone]).toEqual(['out', []])
  })

  test('of an app that signs in by itself is as ever', async () => {
    const world = new World()
    const tab = world.browser().open()
    await world.run(1_000)
    const seen: string[] = []
    world.server.logoutScript = ({ url }) => (seen.push(url), Response.json({ logoutUrl: 'https://idp.example/logout' }))
    const done = tab.keyturn.logout()
    await world.run(1_000)
    await done
    expect([seen, tab.address.gone]).toEqual([['https://app.example.com/auth/logout'], []])
  })
})
