import { describe, expect, test } from 'vitest'
import { covers } from './covers'
import { problem } from './server'
import type { Tab } from './world'
import { World } from './world'

const two = async (world: World): Promise<[Tab, Tab]> => {
  const browser = world.browser()
  const tabs: [Tab, Tab] = [browser.open(), browser.open()]
  await world.run(1_000)
  return tabs
}

const ended = (tab: Tab): string[] => {
  const codes: string[] = []
  tab.keyturn.on('sessionended', ({ code }) => codes.push(code))
  return codes
}

describe('logout', () => {
  test('ends the session in all tabs at once, and closes their connections', async () => {
    covers('SEC-07')
    const world = new World()
    const tabs = await two(world)
    const codes = tabs.map(ended)
    const done = tabs[0].keyturn.logout()
    await world.run(1_000)
    await done
    expect(tabs.map((t) => [t.keyturn.status().token, t.keyturn.status().socket])).toEqual([[null, 'idle'], [null, 'idle']])
    expect(codes).toEqual([['signed_out'], ['signed_out']])
    expect(tabs[0].calls.at(-1)).toBe('POST /auth/logout')
    const before = world.server.issued
    for (const tab of tabs) {
      const call = tab.api()
      await world.run(1_000)
      expect((await call).status).toBe(401)
      const token = tab.keyturn.getToken()
      await world.run(1_000)
      expect(await token).toBeNull()
    }
    expect(world.server.issued).toBe(before)
  })

  test('during a refresh wins: the late answer logs nobody in, here or in another tab', async () => {
    covers('EDGE-02')
    const world = new World()
    const tabs = await two(world)
    world.server.latencyMs = 6_000
    const refreshing = tabs[1].keyturn.refresh().catch((error: { code: string }) => error.code)
    await world.run(3_500)
    const done = tabs[0].keyturn.logout()
    await world.run(20_000)
    await done
    expect(await refreshing).toBe('signed_out')
    expect(tabs.map((t) => t.keyturn.status().token)).toEqual([null, null])
  })

  test.each(Array.from({ length: 16 }, (_, turns) => turns))('%i turns of the event loop’s innermost queue after the answer came wins too', async (turns) => {
    covers('EDGE-02')
    const world = new World()
    let give!: (token: string) => void
    const answer = new Promise<string>((resolve) => (give = resolve))
    const tab = world.browser().open({ manual: true, streamUrl: null, settings: { refresh: () => answer } })
    await world.run(1_000)
    give(world.server.token('alice'))
    for (let i = 0; i < turns; i++) await Promise.resolve()
    await tab.keyturn.logout()
    await world.run(5_000)
    expect(tab.keyturn.status().token).toBeNull()
  })

  test('is not undone by a token that a slow sibling shares late', async () => {
    covers('EDGE-02', 'SEC-07')
    const world = new World()
    const [tab, sibling] = await two(world)
    const token = await sibling.keyturn.getToken()
    const asked = world.now
    await world.run(2_000)
    const done = tab.keyturn.logout()
    await world.run(1_000)
    await done
    const [channel] = tab.browser.channels.values()
    for (const { port } of channel!) {
      port.onmessage?.({ data: { wallAt: asked, iat: 1, token, key: 'k1', kid: 'k1', ttlMs: 900_000 } })
    }
    expect(tab.keyturn.status().token).toBeNull()
  })

  test('lets waiting requests go, and replays none', async () => {
    covers('EDGE-02')
    const world = new World()
    const [tab] = await two(world)
    world.server.turn({ key: 'k2', kid: 'k2' }, { keep: false, silent: true })
    world.server.refreshScript = () => problem(429, 'refresh_busy', { retryAfterMs: 5_000 })
    const call = tab.api('/reports', { method: 'POST', body: 'mine' })
    await world.run(2_000)
    const done = tab.keyturn.logout()
    await world.run(30_000)
    await done
    expect((await call).status).toBe(401)
    expect(world.server.seen).toHaveLength(1)
  })

  test('that the server did not hear says so, and is done here all the same', async () => {
    const world = new World()
    const [tab] = await two(world)
    const decide = world.server.answer.bind(world.server)
    world.server.answer = (who, request, body) =>
      request.url.endsWith('/logout') ? Promise.resolve(new Response('', { status: 502 })) : decide(who, request, body)
    const done = tab.keyturn.logout().catch((error: { code: string }) => error.code)
    await world.run(1_000)
    expect(await done).toBe('logout_failed')
    expect(tab.keyturn.status().token).toBeNull()
  })
})

describe('a sign-in', () => {
  test('is taken over by the tabs that were signed out with this one', async () => {
    const world = new World()
    const tabs = await two(world)
    const done = tabs[0].keyturn.logout()
    await world.run(1_000)
    await done
    tabs[0].browser.cookie = 'alice'
    const signed = tabs[0].keyturn.signedIn()
    await world.run(1_000)
    await signed
    expect(tabs.map((t) => [!!t.keyturn.status().token, t.keyturn.status().socket])).toEqual([[true, 'open'], [true, 'open']])
  })

  test('on a page that was never signed in asks for a token and connects', async () => {
    const world = new World()
    const browser = world.browser()
    browser.cookie = null
    const tab = browser.open()
    await world.run(1_000)
    expect([tab.refreshes, tab.sockets.length]).toEqual([1, 0])
    browser.cookie = 'alice'
    const signed = tab.keyturn.signedIn()
    await world.run(1_000)
    await signed
    expect(tab.keyturn.status()).toMatchObject({ socket: 'open', token: { key: 'k1' } })
  })

  test('that failed says so', async () => {
    const world = new World()
    const browser = world.browser()
    browser.cookie = null
    const tab = browser.open()
    await world.run(1_000)
    const signed = tab.keyturn.signedIn().catch((error: { code: string }) => error.code)
    await world.run(1_000)
    expect(await signed).toBe('session_ended')
  })

  test('of another user: begins a new connection, and no waiting request of the old one is sent in the new name', async () => {
    covers('EDGE-17')
    const world = new World()
    const [tab] = await two(world)
    world.server.turn({ key: 'k2', kid: 'k2' }, { keep: false, silent: true })
    world.server.latencyMs = 500
    const calls = [tab.api('/mine', { method: 'POST', body: 'of alice' }), tab.api('/mine')]
    await world.run(300)
    tab.browser.cookie = 'bob'
    await world.run(10_000)
    for (const call of calls) expect((await call).status).toBe(401)
    expect(world.server.seen.map((s) => s.sub)).toEqual(['alice', 'alice'])
    expect(tab.sockets.length).toBeGreaterThan(1)
    expect(tab.socket.sent.map((f) => f.type)).toEqual(['auth'])
    const call = tab.api('/next')
    await world.run(2_000)
    expect((await call).status).toBe(200)
    expect(world.server.seen.at(-1)!.sub).toBe('bob')
  })

  test('of another user in a sibling is not taken over', async () => {
    covers('EDGE-17')
    const world = new World()
    const [tab, sibling] = await two(world)
    tab.browser.cookie = 'bob'
    await world.run(2_000)
    const signed = sibling.keyturn.signedIn()
    await world.run(2_000)
    await signed
    const token = await tab.keyturn.getToken()
    expect(JSON.parse(atob(token!.split('.')[1]!))).toMatchObject({ sub: 'alice' })
  })
})

describe('the end of a session', () => {
  test.each(['session_missing', 'session_ended'])('by %s is told once, in all tabs, and nobody asks again', async (code) => {
    covers('OAU-18')
    const world = new World()
    const tabs = await two(world)
    const codes = tabs.map(ended)
    world.server.turn({ key: 'k2', kid: 'k2' }, { keep: false, silent: true })
    world.server.refreshScript = () => problem(401, code)
    const call = tabs[0].api()
    await world.run(2_000)
    expect((await call).status).toBe(401)
    expect(codes[0]).toEqual([code])
    expect(codes[1]).toHaveLength(1)
    const before = tabs[0].refreshes
    for (let i = 0; i < 3; i++) {
      const again = tabs[0].api()
      await world.run(1_000)
      await again
    }
    expect([tabs[0].refreshes, tabs.map((t) => t.keyturn.status().socket)]).toEqual([before, ['idle', 'idle']])
  })

  test('of a page that never had a token does not sign out its siblings', async () => {
    const world = new World()
    const [tab] = await two(world)
    world.server.refreshScript = () => problem(401, 'session_missing')
    const other = tab.browser.tab()
    // A partition of its own: it hears nobody, and asks the endpoint itself.
    tab.browser.channels.clear()
    other.start()
    await world.run(2_000)
    expect(other.keyturn.status().token).toBeNull()
    expect(tab.keyturn.status().token).not.toBeNull()
  })
})

test('a new tab takes the token of a sibling instead of asking the server', async () => {
  covers('REF-13', 'REF-14')
  const world = new World()
  const [tab] = await two(world)
  await world.run(60_000)
  const later = tab.browser.open()
  await world.run(1_000)
  expect(world.server.issued).toBe(1)
  expect(later.keyturn.status().token).toMatchObject({ key: 'k1' })
  expect(later.keyturn.status().token!.leftMs).toBeCloseTo(tab.keyturn.status().token!.leftMs, -2)
})

test.each<[string, unknown]>([
  ['nothing', undefined], ['null', null], ['text', 'logout'], ['a list', []], ['no stamp', { token: 'a.b.c' }],
  ['an infinite stamp', { wallAt: Infinity, token: 'a.b.c' }], ['a token that is none', { wallAt: 1e13, token: '<script>' }],
  ['a token that is an object', { wallAt: 1e13, token: { toString: 1 } }], ['a logout long past', { wallAt: 1, left: -5 }],
  ['a key that is an object', { wallAt: 1e13, token: 'e30.e30.x', key: {} }],
])('a message of %s on the channel changes nothing', async (_, data) => {
  const world = new World()
  const [tab] = await two(world)
  const before = tab.keyturn.status()
  const [channel] = tab.browser.channels.values()
  for (const { port } of channel!) port.onmessage?.({ data })
  expect(tab.keyturn.status()).toEqual(before)
})

describe('after a logout nobody asks for a token', () => {
  test('when a call is refused that was under way', async () => {
    covers('SEC-07', 'EDGE-02')
    const world = new World()
    const tab = world.browser().open()
    await world.run(1_000)
    world.server.turn({ key: 'k2', kid: '2026-11-b' }, { keep: false, silent: true })
    const before = tab.refreshes
    const call = tab.api()
    const done = tab.keyturn.logout()
    await world.run(10_000)
    await done
    expect((await call).status).toBe(401)
    expect([tab.refreshes, tab.keyturn.status().token]).toEqual([before, null])
  })

  test('when a refusal for permissions is about to be refreshed for', async () => {
    const world = new World()
    const tab = world.browser().open()
    await world.run(1_000)
    const before = tab.refreshes
    const call = tab.api('/forbidden')
    await world.run(200)
    // The server does not hear of the logout: its session would still give a token.
    world.server.latencyMs = 5_000
    const done = tab.keyturn.logout()
    await world.run(10_000)
    await done
    expect((await call).status).toBe(403)
    expect([tab.refreshes, tab.keyturn.status().token]).toEqual([before, null])
  })
})

test('on a public ring the next user gets a connection of their own', async () => {
  const world = new World()
  const browser = world.browser()
  const tabs = [browser.open({ public: true }), browser.open({ public: true })] as const
  await world.run(1_000)
  const sockets = tabs[1].sockets.length
  const done = tabs[0].keyturn.logout()
  await world.run(1_000)
  await done
  browser.cookie = 'bob'
  const signedIn = tabs[0].keyturn.signedIn()
  await world.run(10_000)
  await signedIn
  expect(tabs[1].sockets.length).toBeGreaterThan(sockets)
  const subjects = (socket: (typeof tabs)[1]['socket']): Set<string> => new Set(
    socket.sent.flatMap(({ token }) =>
      typeof token === 'string' ? [JSON.parse(atob(token.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/'))).sub] : []),
  )
  for (const tab of tabs) for (const socket of tab.sockets) expect(subjects(socket).size).toBeLessThanOrEqual(1)
  expect(tabs.map((tab) => [...subjects(tab.socket)])).toEqual([['bob'], ['bob']])
})

test('an app that answers null for a token has nobody signed in any more: no further attempt', async () => {
  const world = new World()
  let asked = 0
  const tab = world.browser().open({
    manual: true, streamUrl: null,
    settings: { getToken: () => world.server.token('alice'), refresh: (async () => (asked++, null)) as never },
  })
  await world.run(1_000)
  const codes = ended(tab)
  const failed = tab.keyturn.refresh().catch((error: { code: string }) => error.code)
  await world.run(30_000)
  expect([await failed, asked, codes.length]).toEqual(['session_ended', 1, 1])
})

test('a call that waits for a token is not sent in the name of the user who came meanwhile', async () => {
  covers('EDGE-17')
  const world = new World()
  const browser = world.browser()
  const tab = browser.open({ streamUrl: null })
  await world.run(1_000)
  await world.sleep(3_600_000, browser)
  browser.cookie = 'bob'
  const call = tab.api('/orders', { method: 'POST', body: 'of alice' }).catch((error: { code: string }) => error.code)
  await world.run(10_000)
  expect(await call).toBe('signed_out')
  expect(world.server.seen).toEqual([])
})
