import { describe, expect, test } from 'vitest'
import { installFetch } from '../src/install'
import { covers } from './covers'
import { World } from './world'

describe('the global fetch', () => {
  test('is replaced once, looks the same, lets strangers through untouched, and can be put back', async () => {
    covers('DET-10')
    const world = new World()
    const tab = world.browser().tab()
    const seen: unknown[][] = []
    function fetch(this: unknown, input: unknown, init?: unknown): Promise<Response> {
      seen.push([input, init])
      return Promise.resolve(new Response('stranger'))
    }
    const scope = { ...tab.scope(), fetch: fetch as typeof globalThis.fetch }
    tab.start({ streamUrl: null })
    await world.run(1_000)
    const original = scope.fetch
    const takeBack = installFetch(tab.keyturn, scope)
    const patched = scope.fetch
    expect([patched === original, patched.name, patched.length]).toEqual([false, original.name, original.length])
    installFetch(tab.keyturn, scope)()
    expect(scope.fetch).toBe(patched)
    const call = scope.fetch('https://api.example.com/reports')
    await world.run(1_000)
    expect((await call).status).toBe(200)
    takeBack()
    expect(scope.fetch).toBe(original)
  })
})
