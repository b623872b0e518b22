import { expect, test } from 'vitest'
import { World } from './world'

const next = { key: 'k2', kid: '2026-11-b' }

test('an idle page moves to the new key ahead of any failure, once, and says so on its connection', async () => {
  const world = new World()
  const tab = world.browser().open()
  await world.run(1_000)
  expect(tab.keyturn.status()).toMatchObject({ socket: 'open', kid: '2026-10-a', token: { key: 'k1' } })
  expect(tab.refreshes).toBe(1)

  world.server.turn(next)
  await world.run(1_000)
  expect(tab.keyturn.status().token?.key).toBe('k1')
  expect(tab.keyturn.status().plannedMs).toBeGreaterThan(0)
  await world.run(126_000)
  expect(tab.keyturn.status()).toMatchObject({ socket: 'open', kid: next.kid, token: { key: 'k2', kid: next.kid }, plannedMs: null })
  expect(tab.refreshes).toBe(2)
  expect(tab.sockets).toHaveLength(1)
  expect(tab.socket.sent.map((f) => f.type)).toEqual(['auth', 'auth'])

  await world.run(250_000)
  expect(tab.refreshes).toBe(2)
})

test('with the socket blocked, the next call recovers by one refresh and one replay', async () => {
  const world = new World()
  world.server.blocked = true
  const tab = world.browser().open()
  await world.run(1_000)
  world.server.turn(next, { keep: false })
  const answer = tab.api()
  await world.run(1_000)
  expect((await answer).status).toBe(200)
  expect(await (await answer).json()).toEqual({ ok: true, key: 'k2' })
  expect(tab.refreshes).toBe(2)
  expect(world.server.seen.map((s) => s.status)).toEqual([401, 200])
})

test('eight tabs, one rotation: one refresh in the browser, all tabs on the new key', async () => {
  const world = new World()
  const browser = world.browser()
  const tabs = Array.from({ length: 8 }, () => browser.open())
  await world.run(5_000)
  expect(world.server.issued).toBe(1)
  world.server.turn(next)
  await world.run(130_000)
  expect(world.server.issued).toBe(2)
  expect(tabs.map((t) => t.keyturn.status().token?.key)).toEqual(tabs.map(() => 'k2'))
  expect(browser.locks.most).toBe(1)
})
