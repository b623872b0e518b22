/** A proxy lets no WebSocket through: the same frames come as server-sent events, by one tab of the browser. */
import { describe, expect, test } from 'vitest'
import type { Options } from '../src/keyturn'
import { createManager } from '../src/manager'
import { cookieWorld } from './cookieworld'
import { covers } from './covers'
import type { Browser, Tab } from './world'
import { World } from './world'

const second = { key: 'k2', kid: '2026-11-b' }
const lock = 'keyturn:https://app.example.com/v1/stream?ring=payments'

/** Behind the proxy. */
function barred(world = new World()): World {
  world.server.blocked = world.server.streams = true
  return world
}

/** A page behind the proxy that listens to events. */
async function listening(world = barred(), browser = world.browser(), options: Options = {}): Promise<Tab> {
  const tab = browser.open(options)
  await world.run(8_000)
  expect(tab.keyturn.status()).toMatchObject({ socket: 'open', transport: 'events' })
  return tab
}

/** A page whose WebSocket has opened, which no proxy blocks yet. */
async function opened(): Promise<Tab> {
  const world = barred()
  world.server.blocked = false
  const tab = world.browser().open()
  await world.run(1_000)
  return tab
}

const live = (tab: Tab): number => tab.streams.filter((s) => s.state === 'open').length
const held = ({ locks }: Browser): boolean => locks.of(lock).isHeld()
const bearer = (tab: Tab): string | undefined => tab.streams.at(-1)!.request.headers.get('authorization')?.slice(7)
const refresh = async (tab: Tab, ms = 30_000): Promise<void> => {
  const work = tab.keyturn.refresh()
  await tab.world.run(ms)
  await work
}

describe('two WebSockets in a row that do not open', () => {
  test('make it events, which bring welcome and state: a turned key is refreshed for ahead of any failure', async () => {
    covers('DET-07', 'ACC-15')
    const world = barred()
    const tab = await listening(world)
    expect([tab.sockets.length, tab.streams.length]).toEqual([2, 1])
    expect(tab.keyturn.status()).toMatchObject({ ring: 'payments', rev: world.server.rev, kid: '2026-10-a', live: true, token: { key: 'k1' } })
    world.server.turn(second)
    await world.run(160_000)
    world.server.retiring = []
    const call = tab.api()
    await world.run(1_000)
    expect([(await call).status, tab.refreshes, tab.keyturn.status().counters['event.done']]).toEqual([200, 2, 1])
    expect(tab.keyturn.status()).toMatchObject({ socket: 'open', kid: second.kid, token: { kid: second.kid } })
    expect(world.server.seen.map((s) => s.status)).toEqual([200])
  })

  test('in spite of a proxy that opens them and then lets nothing through', async () => {
    const world = barred()
    world.server.connect = (socket) => {
      world.after(20, () => {
        socket.state = 'open'
        socket.cut = true
        socket.onopen?.({})
      })
    }
    const tab = world.browser().open()
    await world.run(40_000)
    expect(tab.keyturn.status()).toMatchObject({ socket: 'open', transport: 'events' })
  })

  test('but not where they open: the way says so', async () => {
    const world = barred()
    world.server.blocked = false
    const tab = world.browser().open()
    expect(tab.keyturn.status().transport).toBeNull()
    await world.run(600_000)
    expect([tab.keyturn.status().transport, tab.streams.length, tab.sockets.length]).toEqual(['websocket', 0, 1])
  })
})

test('a WebSocket that opened has shown the way: one handshake that fails later is no reason for events', async () => {
  const tab = await opened()
  const { world } = tab
  world.server.blocked = true
  tab.socket.end(1006)
  while (tab.sockets.length < 2 || tab.socket.state !== 'closed') await world.run(10)
  world.server.blocked = false
  await world.run(10_000)
  expect([tab.sockets.length, tab.streams.length, tab.keyturn.status().transport]).toEqual([3, 0, 'websocket'])
})

test('nor is a server that is down for a minute: all its clients come back by WebSocket', async () => {
  for (const extra of Array(20).keys()) {
    const tab = await opened()
    const { world } = tab
    Object.assign(world.server, { blocked: true, streams: false })
    tab.socket.end(1006)
    await world.run(40_000 + extra * 1_000)
    Object.assign(world.server, { blocked: false, streams: true })
    await world.run(60_000)
    expect([tab.streams.length, tab.keyturn.status().transport], `after ${extra} s more`).toEqual([0, 'websocket'])
  }
})

test('but WebSockets that are blocked from then on are one', async () => {
  const tab = await opened()
  const { world } = tab
  world.server.blocked = true
  tab.socket.end(1006)
  await world.run(240_000)
  expect(tab.keyturn.status()).toMatchObject({ socket: 'open', transport: 'events' })
})

describe('a new token', () => {
  test('is presented by a new stream, and the old one closed only when that is welcome', async () => {
    const world = barred()
    const tab = await listening(world)
    const { received } = world.server
    world.server.received = (stream, frame) => void world.after(3_000, () => received.call(world.server, stream, frame))
    const states: string[] = []
    tab.keyturn.on('socket', ({ state }) => states.push(state))
    const work = tab.keyturn.refresh()
    const seen = new Set<string>()
    for (let i = 0; i < 300; i++) {
      await world.run(100)
      seen.add(tab.streams.map((s) => s.state).join())
    }
    expect([...seen]).toEqual(['open,open', 'closed,open'])
    expect([bearer(tab), tab.keyturn.status().socket, states]).toEqual([await work, 'open', []])
    expect(world.server.sockets.size).toBe(1)
  })

  test('tries a WebSocket once more, which costs one failed handshake a token and no time', async () => {
    const tab = await listening()
    for (let n = 1; n < 5; n++) {
      await refresh(tab, 2_000)
      expect([tab.sockets.length, tab.streams.length, live(tab)]).toEqual([2 + n, 1 + n, 1])
    }
  })

  test('leaves the events for good where that opens, and gives the lock back', async () => {
    const tab = await listening()
    tab.world.server.blocked = false
    await refresh(tab)
    expect([tab.keyturn.status().transport, live(tab), held(tab.browser)]).toEqual(['websocket', 0, false])
    await tab.world.run(3_600_000)
    expect([tab.keyturn.status().transport, tab.streams.length]).toEqual(['websocket', 1])
  })

  test('is in no address', async () => {
    const tab = await listening()
    tab.world.server.turn(second)
    await tab.world.run(160_000)
    expect(tab.streams.length).toBe(2)
    expect([...tab.urls, ...tab.sockets.map((s) => s.url), ...tab.lines].join()).not.toMatch(/eyJ|c2lnbmF0dXJl/)
  })

  test('in a cookie comes along without a header', async () => {
    const world = barred(cookieWorld())
    const tab = await listening(world)
    await refresh(tab)
    expect(tab.calls.filter((c) => c.endsWith('no header') && c.includes('/v1/stream'))).toEqual(Array(2).fill('credentials include /v1/stream no header'))
    expect([live(tab), tab.keyturn.status().socket]).toEqual([1, 'open'])
  })

  test('is nothing to a public ring, which is asked without one', async () => {
    const tab = await listening(barred(), undefined, { public: true, streamUrl: '/v1/stream?public' })
    expect([bearer(tab), tab.keyturn.status().rev]).toEqual([undefined, tab.world.server.rev])
    await refresh(tab, 20_000)
    expect([tab.streams.length, tab.sockets.length]).toEqual([1, 2])
  })
})

describe('the end of a stream', () => {
  /** Ends the stream like this, and lets ms pass; the close codes that were told, those of failed handshakes left out. */
  async function ended(tab: Tab, code: number, error: object | null, ms: number): Promise<(number | null)[]> {
    const codes: (number | null)[] = []
    tab.keyturn.on('socket', ({ state, lastClose }) => { if (/backoff|stopped/.test(state)) codes.push(lastClose) })
    const [stream] = tab.streams.slice(-1)
    if (error) stream!.deliver({ type: 'error', message: '', ...error })
    stream!.end(code)
    await tab.world.run(ms)
    return codes
  }

  test('with 4401 is one refresh, and a new stream', async () => {
    const world = barred()
    const tab = await listening(world)
    world.server.turn(second, { keep: false, silent: true })
    const [first] = await ended(tab, 4401, { code: 'key_retired', retryAfterMs: 1_000 }, 20_000)
    expect([first, tab.refreshes, tab.keyturn.status().token!.kid]).toEqual([4401, 2, second.kid])
    expect([tab.keyturn.status().socket, live(tab), bearer(tab)]).toEqual(['open', 1, await tab.keyturn.getToken()])
  })

  test('as it begins, for a token that is refused, is one refresh as well', async () => {
    const world = barred()
    const tab = world.browser().open()
    await world.run(500)
    world.server.turn(second, { keep: false, silent: true })
    await world.run(30_000)
    expect([tab.refreshes, tab.keyturn.status().socket, tab.keyturn.status().token!.kid]).toEqual([2, 'open', second.kid])
  })

  test.each([1012, 1001, 4408, 1006])('with %d is another stream soon', async (code) => {
    const tab = await listening()
    const [first] = await ended(tab, code, null, 20_000)
    expect([first, tab.refreshes, tab.streams.length, live(tab), tab.keyturn.status().socket]).toEqual([code, 1, 2, 1, 'open'])
  })

  test('with 1013 keeps away for as long as it says', async () => {
    const tab = await listening()
    const [before, first] = [tab.sockets.length, await ended(tab, 1013, { code: 'try_again_later', retryAfterMs: 40_000 }, 39_000)]
    expect([first, tab.sockets.length, tab.streams.length]).toEqual([[1013], before, 1])
    await tab.world.run(60_000)
    expect([tab.keyturn.status().socket, live(tab)]).toEqual(['open', 1])
  })

  test('with 4400 is for good', async () => {
    const tab = await listening()
    expect(await ended(tab, 4400, null, 3_600_000)).toEqual([4400])
    expect([tab.keyturn.status().socket, tab.streams.length, held(tab.browser)]).toEqual(['stopped', 1, false])
  })

  test('is not needed: one that is silent for longer than a beacon is left', async () => {
    const tab = await listening()
    tab.streams[0]!.cut = true
    await tab.world.run(60_000)
    expect([tab.streams[0]!.state, tab.streams.length, tab.keyturn.status().socket]).toEqual(['closed', 2, 'open'])
  })

  test('is preceded by a drain: the next one stands before it', async () => {
    const tab = await listening()
    const states: string[] = []
    tab.keyturn.on('socket', ({ state }) => states.push(state))
    tab.streams[0]!.deliver({ type: 'drain', withinMs: 10_000 })
    await tab.world.run(40_000)
    expect([states, tab.streams.map((s) => s.state)]).toEqual([[], ['closed', 'open']])
  })

  test.each([false, true])('of a server that is down, and comes back with WebSockets or without them, is a connection again (%s)', async (sockets) => {
    const tab = await listening()
    const { server } = tab.world
    server.streams = false
    tab.streams[0]!.end(1006)
    await tab.world.run(600_000)
    expect([tab.keyturn.status().socket, tab.keyturn.status().lastClose]).toEqual(['backoff', 1006])
    expect(tab.sockets.length).toBeLessThan(40)
    server.streams = !sockets
    server.blocked = !sockets
    await tab.world.run(180_000)
    expect(tab.keyturn.status()).toMatchObject({ socket: 'open' })
  })
})

describe('eight tabs', () => {
  async function eight(): Promise<{ world: World; browser: Browser; tabs: Tab[]; owner: Tab }> {
    const world = barred()
    const browser = world.browser()
    const tabs = Array.from({ length: 8 }, () => browser.open())
    await world.run(180_000)
    const owners = tabs.filter((tab) => live(tab))
    expect(owners.length).toBe(1)
    return { world, browser, tabs, owner: owners[0]! }
  }

  test('have one stream, and all get the new token at a turn', async () => {
    covers('REF-14')
    const { world, tabs, owner } = await eight()
    const before = world.server.issued
    world.server.turn(second)
    for (let i = 0; i < 180; i++) {
      await world.run(1_000)
      const each = tabs.map(live)
      expect([each.filter(Boolean).length, Math.max(...each) <= 2]).toEqual([1, true])
    }
    expect(world.server.issued - before).toBe(1)
    for (const tab of tabs) expect(tab.keyturn.status().token!.kid).toBe(second.kid)
    expect([live(owner), owner.keyturn.status().transport]).toEqual([1, 'events'])
    expect(tabs.every((tab) => tab === owner || !tab.streams.length)).toBe(true)
  })

  test.each<[string, number, (owner: Tab) => void]>([
    ['is closed', 0, (owner) => {
      owner.fire('pagehide', { persisted: false })
      owner.frozen = true
    }],
    ['is put into the back/forward cache', 0, (owner) => {
      owner.fire('pagehide', { persisted: true })
      owner.frozen = true
    }],
    ['has been hidden for five minutes', 300_000, (owner) => owner.show(false)],
  ])('have another one when the tab that has it %s', async (_, ms, leave) => {
    const { world, browser, tabs, owner } = await eight()
    leave(owner)
    await world.run(ms)
    await world.run(1)
    expect([live(owner), held(browser)]).toEqual([0, false])
    await world.run(180_000)
    const [next, ...others] = tabs.filter((tab) => live(tab))
    expect([next !== owner, others.length, next!.keyturn.status().socket]).toEqual([true, 0, 'open'])
    world.server.turn(second)
    await world.run(180_000)
    for (const tab of tabs) if (!tab.frozen) expect(tab.keyturn.status().token!.kid).toBe(second.kid)
  })
})

test('without Web Locks there is no stream, no storm of attempts, and a refused call is refreshed for', async () => {
  covers('EDGE-14')
  const world = barred()
  const tab = world.browser({ locks: false }).open()
  await world.run(600_000)
  expect([tab.streams.length, tab.calls, tab.keyturn.status().socket]).toEqual([0, ['POST /auth/refresh'], 'backoff'])
  expect(tab.sockets.length).toBeLessThan(40)
  world.server.turn(second, { keep: false, silent: true })
  const call = tab.api()
  await world.run(2_000)
  expect([(await call).status, tab.refreshes]).toEqual([200, 2])
})

test.each<[string, (tab: Tab) => unknown]>([
  ['a logout', (tab) => tab.keyturn.logout()],
  ['a freeze', (tab) => tab.fire('pagehide', { persisted: true })],
])('%s closes the stream at once, and gives the lock back', async (_, leave) => {
  const tab = await listening()
  void leave(tab)
  await tab.world.run(1)
  expect([tab.keyturn.status().socket, live(tab), held(tab.browser)]).toEqual(['idle', 0, false])
  await tab.world.run(60_000)
  expect([tab.streams.length, held(tab.browser)]).toEqual([1, false])
})

test('a page that comes back out of the cache listens again', async () => {
  const tab = await listening()
  tab.fire('pagehide', { persisted: true })
  await tab.world.run(60_000)
  tab.fire('pageshow', { persisted: true })
  await tab.world.run(20_000)
  expect([tab.keyturn.status().socket, live(tab), held(tab.browser)]).toEqual(['open', 1, true])
})

test.each<[string, (tab: Tab) => Promise<void>]>([
  ['slept', async (tab) => {
    await tab.world.sleep(60_000, tab.browser)
    await tab.world.run(20_000)
  }],
  ['was hidden', async (tab) => {
    tab.show(false)
    await tab.world.run(20_000)
    tab.show(true)
    await tab.world.run(1_000)
  }],
])('a page that %s does not trust its stream: another replaces it, without a try of the other way', async (_, wake) => {
  const tab = await listening()
  const states: string[] = []
  tab.keyturn.on('socket', ({ state }) => states.push(state))
  await wake(tab)
  expect([tab.streams.map((s) => s.state), tab.sockets.length, states]).toEqual([['closed', 'open'], 2, []])
})

test('a refresh that failed can’t be reported on a stream, and disturbs nothing', async () => {
  const tab = await listening()
  tab.world.server.refreshScript = () => new Response('', { status: 400 })
  const work = tab.keyturn.refresh().catch((e: Error) => e.name)
  await tab.world.run(30_000)
  expect([await work, tab.keyturn.status().socket, tab.streams.length]).toEqual(['KeyturnError', 'open', 1])
})

test('the console shows the way', async () => {
  const tab = await listening()
  expect(createManager(tab.keyturn, { check: false }).getDebugInfo().transport).toBe('events')
})
