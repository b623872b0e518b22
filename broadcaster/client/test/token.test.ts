import { describe, expect, test } from 'vitest'
import { covers } from './covers'
import { blocked, settled } from './refused'
import { problem } from './server'
import { World } from './world'

describe('the token', () => {
  const heard = (world: World): (string | null)[] => {
    const all: (string | null)[] = []
    world.server.apiScript = (request) => {
      all.push(request.headers.get('authorization'))
      return Response.json({})
    }
    return all
  }

  test('goes to the configured origins only', async () => {
    const world = new World()
    const tab = await blocked(world)
    const all = heard(world)
    for (const to of ['https://api.example.com/x', 'https://api.example.com.evil.example/x', 'http://api.example.com/x', 'https://api.example.com:444/x', '/local', 'https://evil.example/?https://api.example.com']) {
      await settled(world, tab.keyturn.fetch(to), 1_000)
    }
    expect(all.map((h) => !!h)).toEqual([true, false, false, false, false, false])
  })

  test('goes to the page’s own origin where none is configured', async () => {
    const world = new World()
    const tab = world.browser().open({ origins: undefined, streamUrl: null })
    await world.run(1_000)
    const all = heard(world)
    await settled(world, tab.keyturn.fetch('/local'), 1_000)
    await settled(world, tab.keyturn.fetch(new URL('https://api.example.com/x')), 1_000)
    expect(all.map((h) => !!h)).toEqual([true, false])
  })

  test('does not replace credentials of the caller’s own, but an earlier token of the same subject', async () => {
    const world = new World()
    const tab = await blocked(world)
    const earlier = await tab.keyturn.getToken()
    const refreshed = tab.keyturn.refresh()
    await world.run(1_000)
    const current = await refreshed
    expect(current).not.toBe(earlier)
    const all = heard(world)
    for (const authorization of [`Bearer ${earlier}`, 'Bearer opaque', 'Basic eDp5', `Bearer ${world.server.token('bob')}`]) {
      await settled(world, tab.api('/x', { headers: { authorization } }), 1_000)
    }
    expect(all[0]).toBe(`Bearer ${current}`)
    expect(all.slice(1, 3)).toEqual(['Bearer opaque', 'Basic eDp5'])
    expect(all[3]).not.toContain(current)
  })

  test('of the endpoints of sign-in is none, and their refusals cause no refresh', async () => {
    covers('LOOP-12')
    const world = new World()
    const tab = world.browser().open({ origins: 'self', streamUrl: null })
    await world.run(1_000)
    const carried: (string | null)[] = []
    const refuse = (request: Request): Response => (carried.push(request.headers.get('authorization')), problem(401, 'session_missing'))
    world.server.apiScript = world.server.statusScript = world.server.refreshScript = refuse
    for (const name of ['login', 'callback?code=x', 'config-status', 'config-status?ring=payments#x', 'refresh', 'refresh?again']) {
      expect((await settled(world, tab.keyturn.fetch(`/auth/${name}`), 1_000)).status).toBe(401)
    }
    expect(carried).toEqual(Array(6).fill(null))
    expect(tab.calls).toHaveLength(7)
    expect((await settled(world, tab.keyturn.fetch('/auth/logout', { method: 'POST' }), 1_000)).status).toBe(204)
    expect(tab.calls).toHaveLength(8)
    expect(tab.keyturn.status().token).not.toBeNull()
  })

  test('is asked for once before the first protected use, however many wait for it', async () => {
    const world = new World()
    const tab = world.browser().open({ streamUrl: null })
    const all = await settled(world, Promise.all([tab.api('/a'), tab.api('/b'), tab.api('/c')]))
    expect(all.map((r) => r.status)).toEqual([200, 200, 200])
    expect([tab.refreshes, world.server.seen.length]).toEqual([1, 3])
  })

  test('that has expired is replaced before the request leaves', async () => {
    const world = new World()
    const tab = await blocked(world)
    tab.hidden = true
    await world.run(1_000_000)
    expect((await settled(world, tab.api())).status).toBe(200)
    expect([tab.refreshes, world.server.seen.length]).toEqual([2, 1])
  })

  test('that is about to expire is used, and replaced meanwhile; getToken waits for the new one', async () => {
    const world = new World()
    const tab = await blocked(world)
    tab.hidden = true
    await world.run(900_000 - 1_000 - 61_000)
    expect(tab.refreshes).toBe(1)
    const at61 = await settled(world, tab.keyturn.getToken(), 0)
    expect(tab.refreshes).toBe(1)
    await world.run(2_000)
    world.server.latencyMs = 1_000
    const call = tab.api()
    const wanted = tab.keyturn.getToken()
    await world.run(1_100)
    expect((await call).status).toBe(200)
    expect(tab.refreshes).toBe(2)
    await world.run(1_000)
    expect(await wanted).not.toBe(at61)
  })
})
