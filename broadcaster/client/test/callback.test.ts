import { describe, expect, test } from 'vitest'
import type { CallbackOptions } from '../src/callback'
import { handleCallback, readArrival } from '../src/callback'
import type { Options } from '../src/keyturn'
import { covers } from './covers'
import { problem } from './server'
import type { Browser, Tab } from './world'
import { World } from './world'

const at = 'https://app.example.com/ui/callback'
const place = '/ui/reports?thread_id=test123&page=2&filter=active#row-7'

interface Scene { world: World; tab: Tab; ended: Promise<string | null>; said: string[] }

/** A callback page of this address, in a tab where the place was kept before. */
function arrive(search: string, { kept = {}, world = new World(), browser = world.browser(), handle = {}, options = {}, prepare = () => {} }: {
  kept?: Record<string, string>; world?: World; browser?: Browser; handle?: CallbackOptions; options?: Options; prepare?: (tab: Tab) => void
} = {}): Scene {
  const tab = browser.tab(at + search)
  for (const [key, value] of Object.entries(kept)) tab.session.setItem(key, value)
  prepare(tab)
  tab.start({ ...options, settings: { signIn: 'auto', ...options.settings } })
  const ended = handleCallback(tab.keyturn, { element: null, ...handle })
  const said = new Proxy([], { get: (_, name) => Reflect.get(tab.lines.filter((line) => line.includes('[Callback]')).map((line) => line.replace(/^🔄 \[Callback\] /u, '')), name) })
  return { world, tab, ended, said }
}

const grant = (world: World, more: object = {}): Response => Response.json({
  access_token: world.server.token('alice'), token_type: 'Bearer', expires_in: 900, key: 'k1', kid: '2026-10-a', refresh: false, returnTo: at, ...more,
})

describe('an address', () => {
  test.each<[string, object]>([
    ['', { refresh: false, what: 'fetch' }],
    ['?refresh=true', { refresh: true, what: 'fetch' }],
    ['?refresh=1', { refresh: false, what: 'fetch' }],
    ['?code=c&state=s', { refresh: false, what: 'exchange', query: 'code=c&state=s' }],
    ['?code=c&state=s&iss=https%3A%2F%2Fidp.example&session_state=x&refresh=true', { refresh: true, what: 'exchange', query: 'code=c&state=s&iss=https%3A%2F%2Fidp.example' }],
    ['?code=a%26state%3Db&state=%2B', { refresh: false, what: 'exchange', query: 'code=a%26state%3Db&state=%2B' }],
    ['?error=access_denied', { refresh: false, what: 'fail', detail: 'OAuth error: access_denied' }],
    ['?error=access_denied&code=c&state=s', { refresh: false, what: 'fail', detail: 'OAuth error: access_denied' }],
    ['?error=', { refresh: false, what: 'fail', detail: 'OAuth error: unknown' }],
    ['?error=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E', { refresh: false, what: 'fail', detail: 'OAuth error: unknown' }],
    ['?error=call%20us%20at%20evil.example', { refresh: false, what: 'fail', detail: 'OAuth error: unknown' }],
    ['?error=login_required', { refresh: false, what: 'fail', detail: 'OAuth error: login_required' }],
    ['?error=login_required&refresh=true', { refresh: true, what: 'expired' }],
    ['?error=interaction_required&refresh=true', { refresh: true, what: 'expired' }],
    ['?error=provider_unavailable&refresh=true', { refresh: true, what: 'fail', detail: 'OAuth error: provider_unavailable' }],
  ])('%j is read', (search, expected) => {
    covers('OAU-09', 'OAU-02')
    expect(readArrival(search)).toEqual(expected)
  })

  test.each(['?code=c', '?code=c&state='])('%j has no state', (search) => {
    covers('OAU-06')
    expect(readArrival(search)).toMatchObject({ what: 'fail', detail: 'Missing state parameter' })
  })

  test('with a token is refused, unless that is switched on', () => {
    covers('OAU-08')
    expect(readArrival('?token=a.b.c')).toMatchObject({ what: 'fail', detail: 'No authorization token received', hint: expect.stringContaining('tokenInUrl') })
    expect(readArrival('?token=a.b.c', true)).toEqual({ refresh: false, what: 'token', token: 'a.b.c' })
  })
})

describe('the callback page', () => {
  test('asks for nothing before the sign-in is handled, so that a refusal there costs no kept place', async () => {
    covers('CTX-09')
    const world = new World()
    const tab = world.browser().tab(at)
    tab.browser.cookie = null
    tab.session.setItem('postLoginUrl', place)
    tab.start({ settings: { signIn: 'auto' } })
    const token = tab.keyturn.getToken()
    await world.run(60_000)
    expect([await token, tab.calls, tab.session.getItem('postLoginUrl')]).toEqual([null, [], place])
  })

  test('of a finished sign-in for a refresh fetches the token and returns to the kept place', async () => {
    covers('CTX-03', 'CTX-04', 'LOG-05')
    const { world, tab, ended, said } = arrive('?refresh=true', { kept: { postLoginUrl: place } })
    await world.run(1_000)
    expect(await ended).toBe(place)
    expect(tab.address.gone).toEqual([`https://app.example.com${place}`])
    expect([...said]).toEqual([`Token refreshed, returning to: ${place}`, `Redirecting to ${place}`])
    expect([tab.session.getItem('postLoginUrl'), tab.calls.slice(0, 1), tab.keyturn.status().token?.key]).toEqual([null, ['POST /auth/refresh'], 'k1'])
  })

  test.each([
    ['the older key alone', { postRefreshUrl: '/ui/older' }, '/ui/older'],
    ['both, the older first', { postRefreshUrl: '/ui/older', postLoginUrl: '/ui/newer' }, '/ui/older'],
    ['both, the older not to be followed', { postRefreshUrl: '//evil.example', postLoginUrl: '/ui/newer' }, '/ui/newer'],
  ])('honours %s, and leaves neither', async (_, kept, expected) => {
    covers('CTX-12', 'CTX-04')
    const { world, tab, ended } = arrive('?refresh=true', { kept })
    await world.run(1_000)
    expect(await ended).toBe(expected)
    expect([tab.session.getItem('postLoginUrl'), tab.session.getItem('postRefreshUrl')]).toEqual([null, null])
  })

  test.each(['', 'javascript:alert(1)', 'https://evil.example/', '//evil.example', '/\\evil.example', '/ui/callback?refresh=true', '/auth/login'])(
    'with %j for a place goes to the default page', async (kept) => {
      covers('CTX-05', 'CTX-08', 'LOG-09')
      const { world, tab, ended, said } = arrive('?refresh=true', { kept: { postLoginUrl: kept } })
      await world.run(1_000)
      expect(await ended).toBe('/ui/reports')
      expect([...said]).toEqual(['Token refreshed, location lost, using default', 'Redirecting to /ui/reports'])
      expect(tab.address.gone).toEqual(['https://app.example.com/ui/reports'])
    })

  test('of an ordinary sign-in goes to the default page, and leaves another flow’s place alone', async () => {
    covers('CTX-06', 'LOG-12')
    const { world, tab, ended, said } = arrive('', { kept: { postLoginUrl: place }, options: { settings: { defaultReturnPath: '/home?x=1' } } })
    await world.run(1_000)
    expect(await ended).toBe('/home?x=1')
    expect([...said]).toEqual(['Normal login, redirecting to reports', 'Redirecting to /home?x=1'])
    expect(tab.session.getItem('postLoginUrl')).toBe(place)
  })

  test('leads nowhere in a circle: a default page that is the callback itself gives way to the root', async () => {
    covers('CTX-05')
    const { world, ended } = arrive('', { options: { settings: { defaultReturnPath: '/ui/callback' } } })
    await world.run(1_000)
    expect(await ended).toBe('/')
  })

  test('exchanges a code, with state and issuer as they came, and takes them off the address at once', async () => {
    covers('OAU-07', 'OAU-08', 'LOG-14')
    const world = new World()
    const seen: Request[] = []
    world.server.callbackScript = (request) => (seen.push(request), grant(world, { refresh: true }))
    const { tab, ended, said } = arrive('?code=c&state=s&iss=https%3A%2F%2Fidp.example#x', { world, kept: { postLoginUrl: place } })
    expect([tab.address.search, tab.address.hash]).toEqual(['', ''])
    await world.run(1_000)
    expect(await ended).toBe(place)
    expect(seen.map(({ url, method, credentials, headers }) => [url, method, credentials, headers.get('accept')])).toEqual([
      ['https://app.example.com/auth/callback?code=c&state=s&iss=https%3A%2F%2Fidp.example', 'GET', 'include', 'application/json'],
    ])
    expect([...said]).toEqual([
      'Exchanging code for token, calling /auth/callback...', 'Response status: 200', `Token refreshed, returning to: ${place}`, `Redirecting to ${place}`,
    ])
    expect([tab.refreshes, tab.keyturn.status().token]).toMatchObject([0, { key: 'k1', kid: '2026-10-a' }])
    expect(tab.lines.join('\n')).not.toMatch(/code=c|state=s/)
  })

  test.each<[string, () => Response, string, number]>([
    ['with the server’s detail', () => problem(400, 'state_invalid', { detail: 'Invalid or expired state' }), 'Invalid or expired state', 400],
    ['with its status where it says nothing', () => new Response('<h1>Bad gateway</h1>', { status: 502, headers: { 'content-type': 'text/html' } }), 'Token exchange failed: 502', 502],
    ['when the answer holds no token', () => Response.json({ hello: 1 }), 'No authorization token received', 200],
  ])('fails %s', async (_, answer, detail, status) => {
    covers('OAU-07')
    const world = new World()
    world.server.callbackScript = answer
    const { tab, ended, said } = arrive('?code=c&state=s&refresh=true', { world, kept: { postLoginUrl: place } })
    await world.run(60_000)
    expect(await ended).toBeNull()
    expect([...said]).toEqual(['Exchanging code for token, calling /auth/callback...', `Response status: ${status}`, `JWT sign-in: ${detail}`])
    expect([tab.address.gone, tab.keyturn.status().token]).toEqual([[], null])
  })

  test('with neither code nor session says so', async () => {
    covers('OAU-08')
    const { world, tab, ended, said } = arrive('', { prepare: (t) => (t.browser.cookie = null) })
    await world.run(60_000)
    expect([await ended, ...said]).toEqual([null, 'JWT sign-in: No authorization token received'])
    expect([tab.address.gone, tab.refreshes]).toEqual([[], 1])
  })

  test('takes a token from the address where that is switched on', async () => {
    covers('OAU-08')
    const world = new World()
    const token = world.server.token('alice')
    const { tab, ended } = arrive(`?token=${token}`, { world, handle: { tokenInUrl: true } })
    await world.run(1_000)
    expect(await ended).toBe('/ui/reports')
    expect([tab.keyturn.status().token?.kid, tab.refreshes, tab.address.search]).toEqual(['2026-10-a', 0, ''])
    expect(tab.lines.join('\n')).not.toContain(token)
  })

  test('after a provider that wants to see its user clears the place, says so, and leads to sign-in after two seconds', async () => {
    covers('OAU-09', 'SIL-06', 'LOG-15')
    const world = new World()
    const browser = world.browser()
    const sibling = browser.open({ streamUrl: null })
    await world.run(1_000)
    browser.cookie = null
    const { tab, ended, said } = arrive('?error=login_required&refresh=true', { world, browser, kept: { postLoginUrl: place, postRefreshUrl: place } })
    await world.run(1_900)
    expect([...said]).toEqual(['Silent refresh failed (OIDC session expired), redirecting to login'])
    expect([tab.session.getItem('postLoginUrl'), tab.session.getItem('postRefreshUrl'), tab.address.gone]).toEqual([null, null, []])
    expect(sibling.keyturn.status().token).toBeNull()
    await world.run(300)
    expect(await ended).toBeNull()
    expect(tab.address.gone).toEqual(['https://app.example.com/auth/login?provider=&aud=&redirect_uri=https%3A%2F%2Fapp.example.com%2Fui%2Fcallback'])
  })

  test('believes no link that says so: whose session stands goes on', async () => {
    covers('OAU-09')
    const { world, tab, ended } = arrive('?error=login_required&refresh=true', { kept: { postLoginUrl: place } })
    await world.run(5_000)
    expect([await ended, tab.keyturn.status().token?.key, tab.address.gone]).toEqual([place, 'k1', [`https://app.example.com${place}`]])
  })

  test('waits before the last hop as long as it is told to, and reads the place at its end', async () => {
    covers('OAU-11', 'LOG-10', 'LOG-11')
    const { world, tab, ended, said } = arrive('?refresh=true', { kept: { postLoginUrl: place }, options: { settings: { callbackDelayMs: 1_000 } } })
    await world.run(900)
    expect([...said]).toEqual([`Will redirect to ${place} in 1 second (or enable "Preserve log" in DevTools)`])
    // Whoever reloads the page meanwhile still finds it.
    expect([tab.address.gone, tab.session.getItem('postLoginUrl')]).toEqual([[], place])
    tab.session.items.clear()
    await world.run(500)
    expect(await ended).toBe('/ui/reports')
    expect([...said].slice(1)).toEqual(['Token refreshed, location lost, using default', 'Redirecting to /ui/reports', 'NOW redirecting to /ui/reports'])
  })

  test('that is reloaded fetches the token anew, and still knows what it ends', async () => {
    covers('CTX-07', 'EDGE-04')
    const world = new World()
    // The first page goes before its answer comes.
    world.server.callbackScript = () => new Promise<Response>(() => {})
    const { tab } = arrive('?code=c&state=s&refresh=true', { world, kept: { postLoginUrl: place } })
    expect(tab.address.href).toBe(`${at}?refresh=true`)
    const again = tab.load(tab.address.href)
    again.start({ settings: { signIn: 'auto' } })
    const ended = handleCallback(again.keyturn, { element: null })
    await world.run(1_000)
    expect(await ended).toBe(place)
  })

  test('never takes a sibling’s older token for the new one', async () => {
    covers('RET-08')
    const world = new World()
    const browser = world.browser()
    const sibling = browser.open()
    await world.run(1_000)
    world.server.roles = ['user', 'analyst']
    await world.run(2_000)
    const tab = browser.tab(`${at}?refresh=true`)
    tab.start({ settings: { signIn: 'redirect' } })
    const ended = handleCallback(tab.keyturn, { element: null })
    await world.run(1_000)
    await ended
    expect([tab.refreshes, world.server.issued]).toEqual([1, 2])
    for (const one of [tab, sibling]) expect(JSON.parse(atob((await one.keyturn.getToken())!.split('.')[1]!)).roles).toEqual(['user', 'analyst'])
  })

  test('stays signed out when somebody signs out meanwhile', async () => {
    covers('EDGE-02', 'SEC-07')
    const world = new World()
    const browser = world.browser()
    const sibling = browser.open()
    await world.run(1_000)
    world.server.latencyMs = 2_000
    world.server.callbackScript = () => grant(world)
    const tab = browser.tab(`${at}?code=c&state=s`)
    tab.start({ settings: { signIn: 'auto' } })
    const ended = handleCallback(tab.keyturn, { element: null })
    await world.run(500)
    const out = sibling.keyturn.logout()
    await world.run(60_000)
    await out
    expect([await ended, tab.keyturn.status().token, tab.address.gone]).toEqual([null, null, []])
    expect(tab.calls).toContain('POST /auth/logout')
  })

  test.each([{ storage: false }, { full: true }])('works with %j, and goes to the default page', async (off) => {
    covers('CTX-10')
    const world = new World()
    const tab = world.browser(off).tab(`${at}?refresh=true`)
    tab.start({ settings: { signIn: 'auto' } })
    const ended = handleCallback(tab.keyturn, { element: null })
    await world.run(1_000)
    expect(await ended).toBe('/ui/reports')
  })

  test('hands the place to an app that routes by itself, whose client goes on', async () => {
    const paths: string[] = []
    const { world, tab, ended } = arrive('?refresh=true', { kept: { postLoginUrl: place }, handle: { navigate: (path) => paths.push(path) } })
    await world.run(1_000)
    expect([await ended, paths, tab.address.gone, tab.keyturn.status().socket]).toEqual([place, [place], [], 'open'])
  })

  test('that is handled twice at once, as frameworks do while one develops, is handled once', async () => {
    const world = new World()
    let asked = 0
    world.server.callbackScript = () => (asked++, grant(world, { refresh: true }))
    world.server.refreshScript = () => problem(401, 'session_missing')
    const { tab, ended } = arrive('?code=c&state=s&refresh=true', { world, kept: { postLoginUrl: place } })
    const twice = handleCallback(tab.keyturn, { element: null })
    await world.run(2_000)
    expect([await ended, await twice, asked, tab.address.gone.length, tab.calls.filter((call) => call.includes('logout'))]).toEqual([place, place, 1, 1, []])
  })

  test('of no client throws', () => {
    expect(() => handleCallback({} as never, { element: null })).toThrow('this is no client')
  })
})
