import { describe, expect, test } from 'vitest'
import { covers } from './covers'
import type { Tab } from './world'
import { World } from './world'

const second = { key: 'k2', kid: '2026-11-b' }

const open = async (world: World, options = {}): Promise<Tab> => {
  const tab = world.browser().open(options)
  await world.run(1_000)
  expect(tab.keyturn.status().socket).toBe('open')
  return tab
}

describe('the connection of a page', () => {
  test('offers keyturn.v1 and names the ring; the token is in the first frame, never in the address', async () => {
    covers('SEC-09')
    const tab = await open(new World(), { streamUrl: 'https://keys.example.com/v1/stream' })
    expect(tab.socket.url).toBe('wss://keys.example.com/v1/stream?ring=payments')
    expect(tab.socket.protocols).toEqual(['keyturn.v1'])
    expect(tab.socket.sent).toEqual([{ type: 'auth', token: await tab.keyturn.getToken() }])
  })

  test('is made without a token for a public ring, and hears its states', async () => {
    const world = new World()
    const browser = world.browser()
    browser.cookie = null
    const tab = browser.open({ public: true, streamUrl: '/v1/stream?public' })
    await world.run(1_000)
    expect(tab.keyturn.status()).toMatchObject({ socket: 'open', kid: '2026-10-a', token: null })
    expect(tab.socket.sent).toEqual([])
  })

  test('refused for its token: one refresh, then it stands again', async () => {
    const world = new World()
    const tab = await open(world)
    world.server.turn(second, { keep: false, silent: true })
    tab.socket.deliver({ type: 'error', code: 'key_retired', message: 'x', retryAfterMs: 3_000 })
    await world.run(10)
    tab.socket.end(4401)
    await world.run(2_500)
    expect(tab.refreshes).toBe(1)
    await world.run(2_000)
    expect([tab.refreshes, tab.keyturn.status().socket, tab.keyturn.status().token?.key]).toEqual([2, 'open', 'k2'])
  })

  test('refused for a compromised key stands again as soon as the new token is there, however long it was told to wait', async () => {
    covers('EDGE-09')
    const world = new World()
    world.server.plan = { afterMs: 0, windowMs: 100 }
    const tab = await open(world)
    world.server.turn(second, { keep: false })
    tab.socket.deliver({ type: 'error', code: 'key_revoked', message: 'x', retryAfterMs: 60_000 })
    await world.run(10)
    tab.socket.end(4401)
    await world.run(300)
    expect([tab.refreshes, tab.keyturn.status().socket, tab.keyturn.status().token?.key]).toEqual([2, 'open', 'k2'])
  })

  test('refused for a token that has been replaced meanwhile stands again at once', async () => {
    covers('EDGE-09')
    const world = new World()
    const tab = await open(world)
    tab.socket.deliver({ type: 'error', code: 'key_revoked', message: 'x', retryAfterMs: 60_000 })
    await world.run(10)
    world.server.turn(second, { keep: false, silent: true })
    // The new token is there, and could not be presented: the connection is just going.
    tab.socket.state = 'closed'
    const fresh = tab.keyturn.refresh()
    await world.run(200)
    await fresh
    tab.socket.onclose?.({ code: 4401 })
    await world.run(200)
    expect([tab.sockets.length, tab.keyturn.status().socket]).toEqual([2, 'open'])
  })

  test('refused for ever is tried ever less often, with three refreshes in five minutes', async () => {
    covers('LOOP-07')
    const world = new World()
    const tab = await open(world)
    world.server.received = (socket) => socket.end(4401)
    tab.socket.end(4401)
    await world.run(300_000)
    expect(tab.refreshes).toBeLessThanOrEqual(1 + 3)
    expect(tab.sockets.length).toBeLessThan(20)
  })

  test('of another subject is stopped, and says so', async () => {
    const world = new World()
    const tab = await open(world)
    const failed: unknown[] = []
    tab.keyturn.on('failed', (news) => failed.push(news))
    tab.socket.end(4403)
    await world.run(300_000)
    expect([tab.sockets.length, tab.keyturn.status().socket]).toEqual([1, 'stopped'])
    expect(failed).toEqual([{ trigger: 'socket', code: 'connection_refused', reason: '4403' }])
    const call = tab.api()
    await world.run(1_000)
    expect((await call).status).toBe(200)
  })

  test('that dies silently is noticed by the missing beacon, and made anew', async () => {
    const world = new World()
    const tab = await open(world)
    tab.socket.cut = true
    await world.run(37_000)
    expect(tab.sockets.length).toBe(2)
    expect(tab.keyturn.status().socket).toBe('open')
  })

  test('to a draining server is moved without a gap', async () => {
    const world = new World()
    const tab = await open(world)
    const states: string[] = []
    tab.keyturn.on('socket', ({ state }) => states.push(state))
    tab.socket.deliver({ type: 'drain', withinMs: 30_000 })
    await world.run(31_000)
    expect([tab.sockets.length, tab.sockets[0]!.closedWith, tab.keyturn.status().socket, states]).toEqual([2, 1000, 'open', []])
    world.server.turn(second)
    await world.run(126_000)
    expect(tab.keyturn.status().token?.key).toBe('k2')
  })

  test('that was closed is not listened to any more, whatever is still on its way', async () => {
    const world = new World()
    const tab = await open(world)
    tab.fire('pagehide', { persisted: true })
    tab.socket.onmessage?.({ data: JSON.stringify({ ...world.server.state(), rev: world.server.rev + 1, kid: 'late' }) })
    expect(tab.keyturn.status().kid).toBe('2026-10-a')
  })

  test('that the browser refuses to open harms nothing', async () => {
    covers('EDGE-14')
    const world = new World()
    const tab = world.browser().tab()
    world.server.connect = () => {
      throw new DOMException('blocked by policy', 'SecurityError')
    }
    tab.start()
    await world.run(10_000)
    expect(tab.keyturn.status()).toMatchObject({ socket: 'backoff', token: { key: 'k1' } })
  })

  test('of a thousand pages after a restart does not come back all at once', async () => {
    const world = new World(21)
    const tabs = Array.from({ length: 200 }, () => world.browser().open())
    await world.run(2_000)
    for (const tab of tabs) tab.socket.end(1012)
    const per: number[] = []
    for (let second = 0; second < 5; second++) {
      const before = tabs.filter((t) => t.sockets.length > 1).length
      await world.run(1_000)
      per.push(tabs.filter((t) => t.sockets.length > 1).length - before)
    }
    expect(per.reduce((a, b) => a + b)).toBe(200)
    for (const n of per) expect(n).toBeLessThan(70)
  })
})

describe('a page that', () => {
  test('wakes with an expired token refreshes before it does anything else', async () => {
    covers('EDGE-12', 'REF-13')
    const world = new World()
    const tab = await open(world)
    world.server.turn(second, { silent: true })
    await world.sleep(8 * 3_600_000, tab.browser)
    await world.run(20_000)
    expect(tab.keyturn.status()).toMatchObject({ socket: 'open', token: { key: 'k2' } })
    const call = tab.api()
    await world.run(1_000)
    expect((await call).status).toBe(200)
    expect(world.server.seen.map((s) => s.status)).toEqual([200])
  })

  test('wakes before its token expired probes the dead socket and makes another', async () => {
    covers('EDGE-12')
    const world = new World()
    const tab = await open(world)
    await world.sleep(120_000, tab.browser)
    await world.run(15_000 + 5_000 + 3_500)
    expect(tab.sockets[0]!.sent.map((f) => f.type)).toContain('ping')
    expect([tab.sockets.length, tab.keyturn.status().socket, tab.refreshes]).toEqual([2, 'open', 1])
  })

  test('has been hidden for five minutes lets go of its connection, and is whole again when seen', async () => {
    covers('EDGE-12')
    const world = new World()
    const tab = await open(world)
    tab.show(false)
    await world.run(299_000)
    expect(tab.keyturn.status().socket).toBe('open')
    await world.run(2_000)
    expect([tab.keyturn.status().socket, tab.socket.closedWith]).toEqual(['idle', 1000])
    world.server.turn(second)
    await world.run(600_000)
    tab.show(true)
    await world.run(2_000)
    expect(tab.keyturn.status()).toMatchObject({ socket: 'open', token: { key: 'k2' } })
  })

  test('comes back from the back/forward cache reconciles its token, then connects', async () => {
    covers('EDGE-12', 'DET-08')
    const world = new World()
    const tab = await open(world)
    tab.fire('pagehide', { persisted: true })
    await world.run(1)
    expect([tab.keyturn.status().socket, tab.socket.closedWith, tab.browser.locks.isHeld()]).toEqual(['idle', 1000, false])
    tab.frozen = true
    world.server.turn(second)
    await world.run(1_200_000)
    tab.frozen = false
    tab.fire('pageshow', { persisted: true })
    await world.run(3_000)
    expect(tab.keyturn.status()).toMatchObject({ socket: 'open', token: { key: 'k2' } })
  })

  test('is loaded for the first time is not mistaken for one that comes back', async () => {
    const world = new World()
    const tab = await open(world)
    tab.fire('pageshow', { persisted: false })
    await world.run(1_000)
    expect([tab.sockets.length, tab.refreshes]).toEqual([1, 1])
  })

  test('is offline waits, and comes back within three seconds of being online', async () => {
    covers('DET-12')
    const world = new World()
    const tab = await open(world)
    tab.fire('offline')
    tab.socket.end(1006)
    await world.run(600_000)
    expect(tab.sockets.length).toBe(1)
    tab.fire('online')
    await world.run(3_200)
    expect([tab.sockets.length, tab.keyturn.status().socket]).toEqual([2, 'open'])
  })

  test('has listeners that throw goes on', async () => {
    const world = new World()
    const reported: unknown[] = []
    const before = globalThis.reportError
    globalThis.reportError = (error) => void reported.push(error)
    try {
      const tab = await open(world)
      const heard: unknown[] = []
      tab.keyturn.on('state', () => {
        throw new Error('of the app')
      })
      const off = tab.keyturn.on('state', (news) => heard.push(news.kid))
      world.server.turn(second)
      await world.run(100)
      off()
      world.server.turn({ key: 'k3', kid: 'k3' })
      await world.run(100)
      expect(heard).toEqual([second.kid])
      expect(reported).toHaveLength(2)
    } finally {
      globalThis.reportError = before
    }
  })
})

test('the event path is told in the console, each line findable', async () => {
  covers('LOG-21', 'LOG-16')
  const world = new World()
  const browser = world.browser()
  const [tab, sibling] = [browser.open(), browser.open()]
  await world.run(1_000)
  world.server.turn(second)
  await world.run(130_000)
  const { rev } = world.server
  const lines = [...tab.lines, ...sibling.lines]
  for (const own of [tab.lines, sibling.lines]) {
    const event = own.indexOf(`🔄 event payments/${rev}: JWT key 2026-10-a → 2026-11-b`)
    // First what happened, then what follows from it.
    expect(own[event + 1]).toMatch(/^🔄 event: JWT refresh planned in \d+ ms$/)
  }
  const winner = [tab, sibling].find(({ lines: own }) => own.lastIndexOf('🔄 DynamicAuthManager: Refreshing token...') > own.findIndex((l) => l.includes('JWT refresh planned')))!
  expect(winner.lines.slice(-3).filter((l) => l.includes('DynamicAuthManager'))).toEqual([
    '🔄 DynamicAuthManager: Refreshing token...', '🔄 ✅ DynamicAuthManager: Token refreshed successfully',
  ])
  expect(lines).toContain('🔄 JWT adopted from another tab')
})

test('verbose lines come with the debug switch only', async () => {
  covers('LOG-23')
  for (const [value, verbose] of [['keyturn', true], ['*', true], ['app:*,keyturn:socket', true], ['other', false], ['', false]] as const) {
    const world = new World()
    const browser = world.browser()
    browser.local.setItem('debug', value)
    const tab = browser.open()
    await world.run(1_000)
    expect([value, tab.said('JWT connection open') > 0]).toEqual([value, verbose])
  }
})

test('a page that is opened in the background keeps no connection either', async () => {
  const world = new World()
  const tab = world.browser().tab()
  tab.hidden = true
  tab.start()
  await world.run(1_000)
  expect(tab.keyturn.status().socket).toBe('open')
  await world.run(310_000)
  expect(tab.keyturn.status().socket).toBe('idle')
  tab.show(true)
  await world.run(5_000)
  expect(tab.keyturn.status().socket).toBe('open')
})
