import { describe, expect, test } from 'vitest'
import { createManager } from '../src/manager'
import type { Redirect } from '../src/redirect'
import type { Settings } from '../src/settings'
import type { SignInMode, Standing } from '../src/signin'
import { nextWay, Way } from '../src/signin'
import { covers } from './covers'
import { problem } from './server'
import type { FakeFrame, Tab } from './world'
import { World } from './world'

const here = 'https://app.example.com/ui/reports?thread_id=test123&page=2&filter=active#row-7'
const place = '/ui/reports?thread_id=test123&page=2&filter=active#row-7'
const back = encodeURIComponent('https://app.example.com/ui/callback?refresh=true')
const login = (more = ''): string => `https://app.example.com/auth/login?provider=&aud=&redirect_uri=${back}${more}`
const expired = 'Your authentication session has expired. Please log in again.'

/** A page where somebody is signed in; its session has ended since, and its token is refused. */
async function over(signIn: SignInMode, settings: Partial<Settings> = {}, world = new World(), browser = world.browser()): Promise<{ world: World; tab: Tab }> {
  const tab = browser.tab(here)
  tab.start({ settings: { signIn, ...settings } })
  await world.run(1_000)
  end(world)
  return { world, tab }
}

/** The session ends; refused: the token is, too. */
function end(world: World, refused = true): void {
  if (refused) world.server.turn({ key: 'k2', kid: '2026-11-b' }, { keep: false, silent: true })
  world.server.refreshScript = () => problem(401, 'session_missing')
}

/** A sign-in that succeeds: from now on the session endpoint gives tokens. */
const succeeds = (frame: FakeFrame): unknown => frame.says({ ok: true }).tab.world.after(20, () => (frame.tab.world.server.refreshScript = () => null))

/** What becomes of a call: its status, or the error's code and message. */
const fate = (call: Promise<Response>): Promise<unknown> => call.then((r) => r.status, (e: { code: string; message: string }) => [e.code, e.message])
const gone = ['redirecting', 'TOKEN_REFRESH_IN_PROGRESS']

/** Lines of the console by their number in the guide's list. */
const told = (tab: Tab): string[] => tab.lines.flatMap((line) => /\[(?:fetchWithAuth|Callback)\] .*/.exec(line)?.[0] ?? [])

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

describe('the hidden frame', () => {
  test('asks the login of the user’s provider without a prompt, and the call succeeds without the page being left', async () => {
    covers('SIL-01', 'FUT-1', 'SIL-03')
    const { world, tab } = await over('auto')
    tab.framed = succeeds
    const call = fate(tab.api())
    await world.run(2_000)
    expect(await call).toBe(200)
    // Styles of the page for its own frames must not show this one.
    expect(tab.frames.map(({ src, style, removed }) => [src, style.cssText, removed])).toEqual([[login('&prompt=none&mode=frame'), 'display:none!important', true]])
    expect([tab.address.gone, tab.refreshes, tab.keyturn.status().token?.key]).toEqual([[], 3, 'k2'])
    expect(told(tab)).toEqual([])
  })

  test('names the provider and the audience that the user has', async () => {
    covers('OAU-01')
    const world = new World()
    const browser = world.browser()
    browser.cookie = 'corp|7'
    const { tab } = await over('auto', { audience: 'reports api' }, world, browser)
    tab.framed = succeeds
    const call = tab.api()
    await world.run(2_000)
    await call
    expect(tab.frames[0]!.src).toContain('provider=corp&aud=reports+api&redirect_uri=')
  })

  test('is opened by nobody whose session stands, nor where it is not wanted', async () => {
    covers('SIL-02')
    for (const mode of ['off', 'redirect'] as const) {
      const { world, tab } = await over(mode)
      const call = fate(tab.api())
      await world.run(30_000)
      await call
      expect(tab.frames).toEqual([])
    }
    const world = new World()
    const tab = world.browser().tab(here).start({ settings: { signIn: 'auto' } })
    await world.run(1_000)
    world.server.turn({ key: 'k2', kid: '2026-11-b' }, { keep: false, silent: true })
    const call = fate(tab.api())
    await world.run(2_000)
    expect([await call, tab.frames]).toEqual([200, []])
  })

  test('is one for all tabs', async () => {
    covers('EDGE-01')
    const world = new World()
    const browser = world.browser()
    const tabs = [browser.tab(here), browser.tab(here), browser.tab(here)]
    for (const tab of tabs) {
      tab.framed = succeeds
      tab.start({ settings: { signIn: 'auto' } })
    }
    await world.run(1_000)
    end(world)
    const calls = tabs.map((tab) => fate(tab.api()))
    await world.run(5_000)
    expect(await Promise.all(calls)).toEqual([200, 200, 200])
    expect(tabs.flatMap(({ frames }) => frames)).toHaveLength(1)
  })

  test.each<[string, (frame: FakeFrame) => unknown]>([
    ['a page of another origin', (frame) => frame.says({ ok: true }, 20, { origin: 'https://evil.example' })],
    ['another window', (frame) => frame.says({ ok: true }, 20, { source: {} })],
    ['no window', (frame) => frame.says({ ok: true }, 20, { source: null })],
    ['another library', (frame) => frame.says({ ok: true, source: 'other' })],
    ['something else', (frame) => frame.says({ ok: true, type: 'other' })],
    ['nothing at all', (frame) => frame.says({}, 20, { data: null })],
    ['text', (frame) => frame.says({}, 20, { data: 'keyturn' })],
  ])('does not hear %s', async (_, speaks) => {
    covers('SIL-04')
    const { world, tab } = await over('silent')
    tab.framed = (frame) => speaks(frame)
    const call = fate(tab.api())
    await world.run(20_000)
    expect([await call, tab.keyturn.status().token, tab.refreshes]).toEqual([401, null, 2])
    expect(tab.frames.map((frame) => frame.removed)).toEqual([true])
  })

  test.each<[string, (frame: FakeFrame) => unknown, number]>([
    ['loads and says nothing for a second', (frame) => frame.loads(200), 1_400],
    ['loads again and again', (frame) => frame.loads(200).loads(900).loads(1_800), 3_000],
    ['never loads', () => {}, 10_250],
  ])('that %s gives way to the redirect', async (_, load, ms) => {
    covers('SIL-04')
    const { world, tab } = await over('auto')
    tab.framed = load
    const call = fate(tab.api())
    await world.run(ms - 200)
    expect([tab.frames[0]!.removed, tab.address.gone]).toEqual([false, []])
    await world.run(400)
    expect([await call, tab.frames[0]!.removed, tab.address.gone]).toEqual([gone, true, [login()]])
  })

  test('that says its session stands, where it does not reach this page, gives way once', async () => {
    const { world, tab } = await over('auto')
    tab.framed = (frame) => frame.says({ ok: true })
    const call = fate(tab.api())
    await world.run(3_000)
    expect([await call, tab.frames.length, tab.address.gone]).toEqual([gone, 1, [login()]])
  })

  test.each(['login_required', 'interaction_required'])('that says %s has the page left without a prompt, where pages may be left', async (error) => {
    covers('SIL-03')
    const { world, tab } = await over('auto')
    tab.framed = (frame) => frame.says({ error })
    const call = fate(tab.api())
    await world.run(3_000)
    expect([await call, tab.address.gone, tab.session.getItem('postLoginUrl')]).toEqual([gone, [login('&prompt=none')], place])
    expect(told(tab)).toEqual(['[fetchWithAuth] Redirecting to refresh login flow'])
  })

  test('that says login_required tells the user, where pages are not left', async () => {
    covers('SIL-06', 'OAU-18', 'LOG-15')
    const { world, tab } = await over('silent')
    tab.session.setItem('postRefreshUrl', '/ui/older')
    tab.framed = (frame) => frame.says({ error: 'login_required' })
    const episodes: string[] = []
    const codes: string[] = []
    tab.keyturn.on('episode', ({ phase, message }) => episodes.push(`${phase}: ${message}`))
    tab.keyturn.on('sessionended', ({ code }) => codes.push(code))
    const call = fate(tab.api())
    await world.run(10_000)
    expect(await call).toEqual(['unauthorized', 'UNAUTHORIZED'])
    expect(told(tab)).toEqual(['[Callback] Silent refresh failed (OIDC session expired)'])
    expect([episodes.at(-1), codes, tab.keyturn.status().token, tab.session.getItem('postRefreshUrl'), tab.address.gone]).toEqual([`failed: ${expired}`, ['login_required'], null, null, []])
    const later = fate(tab.api())
    await world.run(1_000)
    expect(await later).toBe(401)
  })

  test.each(['provider_unavailable', 'signin_busy', 'claims_unavailable', 'temporarily_unavailable', 'server_error'])('that says %s is asked again, and the call goes through once the provider is back', async (error) => {
    const { world, tab } = await over('auto')
    tab.framed = (frame) => (tab.frames.length < 3 ? frame.says({ error }) : succeeds(frame))
    const call = fate(tab.api())
    await world.run(30_000)
    expect([await call, tab.address.gone, tab.frames.length]).toEqual([200, [], 3])
  })

  test('that never gets a provider to answer fails the refresh, and nothing else', async () => {
    const { world, tab } = await over('auto')
    tab.framed = (frame) => frame.says({ error: 'provider_unavailable' })
    const call = fate(tab.api())
    await world.run(30_000)
    expect([await call, tab.address.gone, !!tab.keyturn.status().token]).toEqual([401, [], true])
    await world.run(120_000)
    tab.framed = succeeds
    const again = fate(tab.api())
    await world.run(10_000)
    expect([await again, tab.address.gone]).toEqual([200, []])
  })

  test.each(['return_refused', 'provider_missing', '<img src=x>'])('that says %s is a matter for whoever runs it', async (error) => {
    covers('CFG-11')
    const { world, tab } = await over('auto')
    tab.framed = (frame) => frame.says({ error })
    const call = fate(tab.api())
    await world.run(3_000)
    expect([await call, tab.address.gone, !!tab.keyturn.status().token]).toEqual([401, [], true])
    expect(tab.said(`JWT sign-in: the server answered ${error.startsWith('<') ? 'unknown' : error}. Fix: check provider and basePath`)).toBe(1)
  })

  test('that speaks after a logout is not heard', async () => {
    covers('EDGE-02', 'SEC-07')
    const { world, tab } = await over('auto')
    tab.framed = (frame) => frame.says({ ok: true }, 5_000)
    const call = fate(tab.api())
    await world.run(1_000)
    world.server.refreshScript = () => null
    const out = tab.keyturn.logout()
    await world.run(30_000)
    await out
    expect([await call, tab.keyturn.status().token, tab.frames[0]!.removed, tab.address.gone]).toEqual([401, null, true, []])
  })

  test('of another account replays nobody’s request in its name', async () => {
    covers('EDGE-17')
    const { world, tab } = await over('auto')
    tab.framed = (frame) => {
      tab.browser.cookie = 'bob'
      succeeds(frame)
    }
    const calls = [fate(tab.api('/mine', { method: 'POST', body: 'of alice' })), fate(tab.api('/mine'))]
    await world.run(3_000)
    expect(await Promise.all(calls)).toEqual([401, 401])
    expect(world.server.seen.map(({ sub }) => sub)).toEqual(['alice', 'alice'])
  })
})

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
