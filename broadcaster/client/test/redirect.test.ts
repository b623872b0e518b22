import { describe, expect, test } from 'vitest'
import { createManager } from '../src/manager'
import type { Redirect } from '../src/redirect'
import type { Settings } from '../src/settings'
import { covers } from './covers'
import { end, fate, gone, here, login, over, place, told } from './ended'
import { problem } from './server'
import type { Tab } from './world'
import { World } from './world'

describe('the redirect', () => {
  test('keeps path, query and hash, says so, and settles whoever waits', async () => {
    covers('CTX-01', 'RET-07', 'LOG-04')
    const { world, tab } = await over('redirect')
    const calls = [fate(tab.api()), fate(tab.api('/x', { method: 'POST', body: '1' })), createManager(tab.keyturn, { check: false }).handleJWTValidationError('JWT expired')]
    await world.run(1_000)
    expect(await Promise.all(calls)).toEqual([gone, gone, { success: false, retry: false, token: null, error: 'TOKEN_REFRESH_IN_PROGRESS' }])
    expect([tab.session.getItem('postLoginUrl'), tab.address.gone]).toEqual([place, [login()]])
    expect(told(tab)).toEqual(['[fetchWithAuth] Redirecting to refresh login flow'])
    expect(new URL(tab.address.gone[0]!).searchParams.get('redirect_uri')).toBe('https://app.example.com/ui/callback?refresh=true')
  })

  test('takes provider, audience and base path from the settings, and the login from its option', async () => {
    covers('OAU-01')
    const world = new World()
    const tab = world.browser().tab('https://app.example.com/app/x')
    tab.start({ loginUrl: 'https://id.example.com/auth/login?tenant=7', settings: { signIn: 'redirect', provider: 'corp', audience: 'api', basePath: '/app/' } })
    await world.run(1_000)
    end(world)
    const call = fate(tab.api())
    await world.run(1_000)
    await call
    expect(tab.address.gone).toEqual([
      `https://id.example.com/auth/login?tenant=7&provider=corp&aud=api&redirect_uri=${encodeURIComponent('https://app.example.com/app/callback?refresh=true')}`,
    ])
  })

  test.each(['silent', 'auto'] as const)('is not needed for a 403 where the session gives fresh roles (%s)', async (mode) => {
    covers('SIL-02')
    const world = new World()
    const tab = world.browser().tab(here).start({ settings: { signIn: mode } })
    await world.run(1_000)
    world.server.roles = ['user', 'admin']
    const call = fate(tab.api('/admin'))
    await world.run(2_000)
    expect([await call, tab.frames, tab.address.gone, tab.refreshes]).toEqual([200, [], [], 2])
  })

  test('answers a 403 where roles come with the sign-in, in the order of the guide, once for the same claims', async () => {
    covers('LOOP-04', 'PERF-03', 'LOG-04')
    const world = new World()
    const tab = world.browser().tab(here).start({ settings: { signIn: 'redirect' } })
    await world.run(1_000)
    const calls = [1, 2, 3].map(() => fate(tab.api('/admin')))
    await world.run(2_000)
    expect(await Promise.all(calls)).toEqual([gone, gone, gone])
    expect([tab.address.gone, tab.refreshes]).toEqual([[login()], 1])
    const line = (text: string): string => `[fetchWithAuth] ${text}`
    const first = told(tab).filter((l, i, all) => all.indexOf(l) === i)
    expect(first).toEqual([
      line('Got 403 Forbidden, user may need permission refresh'), line('First 403, attempting token refresh'), line('Waiting 500ms before refresh...'),
      line('Token refresh redirect already in progress'), line('Redirecting to refresh login flow'),
    ])
    // Whoever is refused while the page is being left waits for nothing either.
    const late = fate(tab.api('/admin'))
    await world.run(1_000)
    expect([await late, tab.address.gone.length, tab.said('Token already refreshed')]).toEqual([gone, 1, 0])

    const next = tab.load(place).start({ settings: { signIn: 'redirect' } })
    await world.run(1_000)
    const again = fate(next.api('/admin'))
    await world.run(3_000)
    expect([await again, next.address.gone, next.said('Token already refreshed, still 403 - user lacks permission')]).toEqual([403, [], 1])
  })

  test('goes out again when other claims are refused', async () => {
    const world = new World()
    const tab = world.browser().tab(here).start({ settings: { signIn: 'redirect' } })
    await world.run(1_000)
    const call = fate(tab.api('/admin'))
    await world.run(2_000)
    world.server.roles = ['user', 'analyst']
    const next = tab.load(place)
    next.browser.tabs.splice(0, 1)
    next.browser.channels.clear()
    next.start({ settings: { signIn: 'redirect' } })
    await world.run(1_000)
    const again = fate(next.api('/admin'))
    await world.run(2_000)
    expect([await call, await again, next.address.gone.length]).toEqual([gone, gone, 1])
  })

  test('for the end of a session happens once in five minutes; then the session is over', async () => {
    covers('LOOP-11', 'OAU-18')
    const { world, tab } = await over('redirect')
    const call = fate(tab.api())
    await world.run(1_000)
    await call
    world.server.refreshScript = () => null
    const next = tab.load(place).start({ settings: { signIn: 'redirect' } })
    await world.run(1_000)
    world.server.turn({ key: 'k3', kid: '2026-12-a' }, { keep: false, silent: true })
    world.server.refreshScript = () => problem(401, 'session_missing')
    const again = fate(next.api())
    await world.run(1_000)
    expect([await again, next.address.gone, next.keyturn.status().token, next.session.getItem('postLoginUrl')]).toEqual([401, [], null, null])

    world.server.refreshScript = () => null
    await world.run(300_000)
    const later = next.load(place).start({ settings: { signIn: 'redirect' } })
    await world.run(1_000)
    end(world)
    world.server.turn({ key: 'k4', kid: '2026-12-b' }, { keep: false, silent: true })
    const third = fate(later.api())
    await world.run(1_000)
    expect([await third, later.address.gone.length]).toEqual([gone, 1])
  })

  test('does not end the session, here or in another tab, while it is under way', async () => {
    covers('LOOP-06')
    const world = new World()
    const browser = world.browser()
    const sibling = browser.tab(here).start({ settings: { signIn: 'redirect' } })
    const { tab } = await over('redirect', {}, world, browser)
    const codes: string[] = []
    for (const one of [tab, sibling]) one.keyturn.on('sessionended', ({ code }) => codes.push(code))
    const call = fate(tab.api())
    await world.run(5_000)
    expect([await call, codes, !!sibling.keyturn.status().token]).toEqual([gone, [], true])
  })

  test('that does not leave the page is given up after ten seconds, and the user is told', async () => {
    covers('LOOP-06')
    const { world, tab } = await over('redirect')
    const phases: string[] = []
    tab.keyturn.on('episode', ({ phase }) => phases.push(phase))
    const call = fate(tab.api())
    await world.run(9_900)
    expect([await call, phases]).toEqual([gone, ['open']])
    await world.run(1_000)
    expect([phases.at(-1), !!tab.keyturn.status().token]).toEqual(['failed', true])
  })

  test('that its user came back from does not keep the page', async () => {
    covers('OAU-12')
    const { world, tab } = await over('redirect')
    const call = fate(tab.api())
    await world.run(1_000)
    await call
    tab.fire('pagehide', { persisted: true })
    tab.fire('pageshow', { persisted: true })
    await world.run(20_000)
    const again = fate(tab.api())
    await world.run(2_000)
    expect([await again, tab.address.gone.length, tab.keyturn.status().token]).toEqual([401, 1, null])
    const signs = tab.keyturn.signIn()
    await world.run(100)
    await signs
    expect(tab.address.gone).toHaveLength(2)
  })

  test('that its user came back from is theirs to begin again', async () => {
    const { world, tab } = await over('redirect')
    const call = fate(tab.api())
    await world.run(1_000)
    await call
    tab.fire('pageshow', { persisted: true })
    const again = fate(tab.api())
    await world.run(2_000)
    expect(await again).toBe(401)
    const click = tab.keyturn.refresh().catch((error: { code: string }) => error.code)
    await world.run(2_000)
    expect([await click, tab.address.gone]).toEqual(['redirecting', [login(), login()]])
  })

  test('for a 403 costs none of those for the end of a session', async () => {
    const world = new World()
    const tab = world.browser().tab(here).start({ settings: { signIn: 'redirect' } })
    await world.run(1_000)
    world.server.apiScript = ({ url }) => (url.endsWith('/admin') ? problem(403, 'role_missing') : null)
    const call = fate(tab.api('/admin'))
    await world.run(1_000)
    const next = tab.load(place).start({ settings: { signIn: 'redirect' } })
    await world.run(1_000)
    end(world)
    const later = fate(next.api())
    await world.run(1_000)
    expect([await call, await later, next.address.gone]).toEqual([gone, gone, [login()]])
  })

  test('that was stopped while the app saved its drafts costs the next one nothing', async () => {
    const { world, tab } = await over('redirect', { onBeforeRedirect: () => new Promise(() => {}) })
    const call = fate(tab.api())
    await world.run(1_000)
    const out = tab.keyturn.logout()
    await world.run(1_000)
    await out
    await call
    world.server.refreshScript = () => null
    tab.browser.cookie = 'alice'
    const next = tab.load(here).start({ settings: { signIn: 'redirect' } })
    await world.run(1_000)
    world.server.turn({ key: 'k3', kid: '2026-12-a' }, { keep: false, silent: true })
    end(world, false)
    const later = fate(next.api())
    await world.run(1_000)
    expect([await later, next.address.gone.length]).toEqual([gone, 1])
  })

  test('for a 403 that the app has put off is made when the user asks for it', async () => {
    const world = new World()
    const tab = world.browser().tab(here).start({ settings: { signIn: 'redirect', onBeforeRedirect: ({ asked }) => asked } })
    await world.run(1_000)
    world.server.apiScript = () => problem(403, 'role_missing')
    const call = fate(tab.api())
    await world.run(2_000)
    expect([await call, tab.address.gone]).toEqual([403, []])
    const click = tab.keyturn.refresh().catch((error: { code: string }) => error.code)
    await world.run(2_000)
    expect([await click, tab.address.gone]).toEqual(['redirecting', [login()]])
  })

  test('that a second one has overtaken is not missed later', async () => {
    const { world, tab } = await over('redirect')
    const call = fate(tab.api())
    await world.run(1_000)
    const signs = tab.keyturn.signIn()
    await world.run(1_000)
    await Promise.all([call, signs])
    tab.fire('pageshow', { persisted: true })
    const phases: string[] = []
    tab.keyturn.on('refresh', ({ phase }) => phases.push(phase))
    await world.run(30_000)
    expect(phases).toEqual([])
  })

  test.each(['auto', 'redirect'] as const)('is not made in a frame of another page, whose user could not sign in there (%s)', async (signIn) => {
    const world = new World()
    const browser = world.browser()
    const tab = browser.tab(here)
    tab.within = true
    tab.framed = (frame) => frame.says({ error: 'login_required' })
    tab.start({ settings: { signIn } })
    await world.run(1_000)
    end(world)
    const call = fate(tab.api())
    await world.run(3_000)
    expect([await call, tab.address.gone]).toEqual([['unauthorized', 'UNAUTHORIZED'], []])
  })

  test('is stopped by a logout, which leaves nothing of it', async () => {
    covers('EDGE-02', 'CTX-09', 'SEC-07')
    const { world, tab } = await over('redirect')
    const call = fate(tab.api())
    await world.run(1_000)
    const out = tab.keyturn.logout()
    await world.run(1_000)
    await out
    expect([await call, tab.stopped, tab.session.getItem('postLoginUrl'), tab.keyturn.status().token]).toEqual([gone, 1, null, null])
    const later = fate(tab.api())
    await world.run(60_000)
    expect([await later, tab.address.gone.length]).toEqual([401, 1])
  })

  test('waits for the app’s drafts, but no longer than five seconds', async () => {
    const seen: Redirect[] = []
    const { world, tab } = await over('redirect', { onBeforeRedirect: (redirect) => (seen.push(redirect), new Promise(() => {})) })
    const call = fate(tab.api())
    await world.run(4_000)
    expect(tab.address.gone).toEqual([])
    expect(seen).toEqual([{ reason: 'refresh', asked: false, url: login(), returnTo: place }])
    await world.run(2_000)
    expect([await call, tab.address.gone.length]).toEqual([gone, 1])
  })

  test.each<[string, Settings['onBeforeRedirect']]>([
    ['says no', () => false], ['says no in the end', async () => false], ['cannot save the drafts', () => { throw new Error('disk full') }],
  ])('does not happen when the app %s: callers get their answer, the user decides', async (_, onBeforeRedirect) => {
    const reported: unknown[] = []
    Object.assign(globalThis, { reportError: (error: unknown) => reported.push(error) })
    const { world, tab } = await over('redirect', { onBeforeRedirect: (redirect) => redirect.asked || onBeforeRedirect!(redirect) })
    const phases: string[] = []
    tab.keyturn.on('episode', ({ phase }) => phases.push(phase))
    const call = fate(tab.api())
    await world.run(2_000)
    expect([await call, tab.address.gone, tab.session.getItem('postLoginUrl'), phases.at(-1), !!tab.keyturn.status().token]).toEqual([401, [], null, 'failed', true])
    const click = tab.keyturn.refresh().catch((error: { code: string }) => error.code)
    await world.run(2_000)
    expect([await click, tab.address.gone, tab.session.getItem('postLoginUrl')]).toEqual(['redirecting', [login()], place])
  })

  test('is logged out of while the app saves its drafts', async () => {
    covers('EDGE-02')
    const { world, tab } = await over('redirect', { onBeforeRedirect: () => new Promise(() => {}) })
    const call = fate(tab.api())
    await world.run(1_000)
    const out = tab.keyturn.logout()
    await world.run(20_000)
    await out
    expect([await call, tab.address.gone, tab.session.getItem('postLoginUrl')]).toEqual([401, [], null])
  })

  test('is not made for news of the ring; the next call makes it', async () => {
    const { world, tab } = await over('redirect')
    world.server.broadcast({ type: 'claims', afterMs: 0, windowMs: 0 })
    await world.run(2_000)
    expect([tab.address.gone, !!tab.keyturn.status().token]).toEqual([[], true])
    const call = fate(tab.api())
    await world.run(2_000)
    expect([await call, tab.address.gone.length]).toEqual([gone, 1])
  })

  test('brings nobody in who was not there, and nobody back who has left', async () => {
    covers('SEC-07')
    const world = new World()
    const browser = world.browser()
    browser.cookie = null
    const stranger = browser.tab(here).start({ settings: { signIn: 'auto' } })
    await world.run(1_000)
    const call = fate(stranger.api())
    await world.run(5_000)
    expect([await call, stranger.frames, stranger.address.gone]).toEqual([401, [], []])
    const { world: other, tab } = await over('auto')
    const out = tab.keyturn.logout()
    await other.run(1_000)
    await out
    const click = tab.keyturn.refresh().catch((error: { code: string }) => error.code)
    await other.run(5_000)
    expect([await click, tab.frames, tab.address.gone]).toEqual(['session_ended', [], []])
  })

  test.each([{ storage: false }, { full: true }])('happens with %j, and only once in a row', async (off) => {
    covers('CTX-10', 'LOOP-04')
    const world = new World()
    const browser = world.browser(off)
    const { tab } = await over('redirect', {}, world, browser)
    const call = fate(tab.api())
    await world.run(1_000)
    expect([await call, tab.address.gone]).toEqual([gone, [login()]])
    world.server.refreshScript = () => null
    const open = async (from: Tab): Promise<Tab> => {
      const next = from.load('/ui/reports').start({ settings: { signIn: 'redirect' } })
      await world.run(1_000)
      return next
    }
    const second = await open(tab)
    end(world)
    world.server.turn({ key: 'k3', kid: '2026-12-a' }, { keep: false, silent: true })
    const again = fate(second.api())
    await world.run(2_000)
    expect([await again, second.address.gone]).toEqual([401, []])

    world.server.refreshScript = () => null
    const third = await open(second)
    const denied = fate(third.api('/admin'))
    await world.run(2_000)
    expect([await denied, third.address.gone.length]).toEqual([gone, 1])
    const fourth = await open(third)
    const still = fate(fourth.api('/admin'))
    await world.run(2_000)
    expect([await still, fourth.address.gone, fourth.said('Token already refreshed, still 403')]).toEqual([403, [], 1])
    // Whoever is granted it meanwhile is asked for again.
    world.server.roles = ['admin']
    const wish = fourth.keyturn.refresh()
    await world.run(1_000)
    await wish
    const granted = fate(fourth.api('/admin'))
    await world.run(2_000)
    expect(await granted).toBe(200)
    expect([...browser.jar.keys()].filter((name) => !name.startsWith('keyturn-'))).toEqual([])
  })

  test('keeps the place of each tab apart', async () => {
    covers('CTX-11')
    const world = new World()
    const browser = world.browser()
    const tabs = [browser.tab(here), browser.tab('https://app.example.com/ui/other?x=1#y')]
    for (const tab of tabs) tab.start({ settings: { signIn: 'redirect' } })
    await world.run(1_000)
    end(world)
    const calls = tabs.map((tab) => fate(tab.api()))
    await world.run(3_000)
    expect(await Promise.all(calls)).toEqual([gone, gone])
    expect(tabs.map((tab) => tab.session.getItem('postLoginUrl'))).toEqual([place, '/ui/other?x=1#y'])
  })
})
