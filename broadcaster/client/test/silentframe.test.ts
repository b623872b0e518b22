import { describe, expect, test } from 'vitest'
import { covers } from './covers'
import { end, expired, fate, gone, here, login, over, place, succeeds, told } from './ended'
import type { FakeFrame } from './world'
import { World } from './world'

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
