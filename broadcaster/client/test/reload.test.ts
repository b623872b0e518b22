import { describe, expect, test } from 'vitest'
import { insides } from '../src/inside'
import { createManager } from '../src/manager'
import type { ReloadScope } from '../src/reload'
import { busted, hardRefresh, tidyAddress, unbusted } from '../src/reload'
import { covers } from './covers'
import { World } from './world'

const at = 'https://app.example.com/ui/reports'

describe('the address of a hard refresh', () => {
  test.each([
    [at, `${at}?keyturn-reload=7`],
    [`${at}?page=2&f=a%20b&f=%C3%A4`, `${at}?page=2&f=a%20b&f=%C3%A4&keyturn-reload=7`],
    [`${at}#row-7`, `${at}?keyturn-reload=7#row-7`],
    [`${at}?q=1#/route?x=1#y`, `${at}?q=1&keyturn-reload=7#/route?x=1#y`],
    [`${at}?`, `${at}?&keyturn-reload=7`],
  ])('%s is one that no cache knows, and is itself again afterwards', (href, fresh) => {
    covers('NOT-12', 'EDGE-05')
    expect(busted(href, 7)).toBe(fresh)
    expect(unbusted(fresh)).toBe(href)
  })

  test.each([at, `${at}?keyturn-reload=x`, `${at}?a=keyturn-reload=7`, `${at}#?keyturn-reload=7x`])('%s, which none was made of, stays', (href) => {
    covers('NOT-12')
    expect(unbusted(href)).toBe(href)
  })

  test('is tidied up once the page stands, with the state of its history', () => {
    covers('NOT-12')
    const replaced: unknown[] = []
    const history = { state: { scroll: 7 }, replaceState: (...args: unknown[]) => replaced.push(args) }
    tidyAddress({ location: { href: `${at}?page=2&keyturn-reload=7#x`, replace: () => {} }, history })
    tidyAddress({ location: { href: at, replace: () => {} }, history })
    tidyAddress({})
    expect(replaced).toEqual([[{ scroll: 7 }, '', `${at}?page=2#x`]])
  })
})

describe('a hard refresh', () => {
  /** A page whose browser has the parts given; did is what was done, in order. */
  async function page(parts: (did: string[]) => Partial<ReloadScope>) {
    const world = new World()
    const tab = world.browser().open()
    const manager = createManager(tab.keyturn, { check: false })
    await world.run(1_000)
    const did: string[] = []
    const inside = insides().get(tab.keyturn)!
    const { scope } = inside.core
    const location = { href: `${at}?page=2#x`, replace: (url: string) => did.push(`replace ${url}`) }
    const more = { location, ...parts(did) }
    const send = (async (url: string, init: RequestInit) => {
      did.push(`${init.cache} ${url}`)
      return new Response('')
    }) as typeof fetch
    const run = async (rest?: boolean): Promise<void> => {
      const work = hardRefresh({ ...inside, send, core: { ...inside.core, scope: Object.assign(Object.create(scope), more) } }, rest)
      await world.run(6_000)
      return work
    }
    return { world, tab, manager, did, run }
  }

  test('removes workers and caches, fetches the page and its own files anew, then loads it under its address', async () => {
    covers('NOT-12', 'EDGE-18')
    const { world, tab, manager, did, run } = await page((done) => ({
      navigator: { serviceWorker: { getRegistrations: async () => [{ unregister: async () => done.push('unregister') > 0 }] } },
      caches: { keys: async () => ['v1', 'v2'], delete: async (name) => done.push(`delete ${name}`) > 0 },
      performance: {
        getEntriesByType: () => [
          { name: 'https://app.example.com/app.js', initiatorType: 'script' }, { name: 'https://app.example.com/app.css', initiatorType: 'link' },
          { name: 'https://cdn.example.net/lib.js', initiatorType: 'script' }, { name: 'https://app.example.com/data', initiatorType: 'fetch' },
          { name: 'https://app.example.com/config.json?v=1', initiatorType: 'fetch' },
        ],
      },
    }))
    tab.browser.local.setItem('draft', 'x')
    await run()
    expect(did.slice(0, 3).sort()).toEqual(['delete v1', 'delete v2', 'unregister'])
    expect(did.slice(3)).toEqual([
      `reload ${at}?page=2#x`, 'reload https://app.example.com/app.js', 'reload https://app.example.com/app.css', 'reload https://app.example.com/config.json?v=1',
      expect.stringMatching(/^replace https:\/\/app\.example\.com\/ui\/reports\?page=2&keyturn-reload=\d+#x$/),
    ])
    expect([tab.browser.local.getItem('draft'), tab.browser.cookie, manager.getDebugInfo().hasToken]).toEqual(['x', 'alice', false])
    expect(manager.getJWTValidationStats().hardRefreshes).toBe(1)
    const again = createManager(tab.start().keyturn, { check: false })
    await world.run(100)
    expect(again.getJWTValidationStats().hardRefreshes).toBe(1)
  })

  test('of a page under a worker is two loads, the second of which no worker has seen', async () => {
    covers('NOT-12')
    const serviceWorker = { controller: {}, getRegistrations: async () => [] }
    const { manager, did, run } = await page(() => ({ navigator: { serviceWorker } }))
    await run()
    expect(did).toEqual([`reload ${at}?page=2#x`, expect.stringMatching(/^replace .*&keyturn-reload=-\d+#x$/)])
    expect(tidyAddress({ location: { href: did[1]!.slice(8), replace: () => {} }, history: { state: null, replaceState: () => {} } })).toBe(true)
    // An app that registers its worker again, at once, is loaded no third time.
    await run(true)
    expect(did.slice(2)).toEqual([`reload ${at}?page=2#x`, expect.stringMatching(/^replace .*&keyturn-reload=\d+#x$/)])
    expect(manager.getJWTValidationStats().hardRefreshes).toBe(1)
  })

  test.each<[string, (done: string[]) => Partial<ReloadScope>]>([
    ['has neither workers nor caches', () => ({})],
    ['refuses them', () => ({
      navigator: { serviceWorker: { getRegistrations: () => Promise.reject(new DOMException('no', 'SecurityError')) } },
      caches: { keys: () => Promise.reject(new Error('no')), delete: async () => true },
    })],
    ['never ends with them', () => ({ caches: { keys: () => new Promise(() => {}), delete: async () => true } })],
  ])('in a browser that %s happens all the same', async (_, parts) => {
    covers('NOT-12')
    const { did, run } = await page(parts)
    await run()
    expect(did.at(-1)).toMatch(/^replace /)
  })

  test('never happens by itself, however broken the server is', async () => {
    covers('LOOP-11')
    const world = new World()
    const tab = world.browser().tab()
    const moved: string[] = []
    const scope = tab.scope()
    Object.assign(scope, { location: { href: at, replace: (url: string) => moved.push(url) } })
    tab.scope = () => scope
    const manager = createManager(tab.start().keyturn, { check: false })
    await world.run(1_000)
    world.server.refreshScript = () => new Response('', { status: 500 })
    world.server.turn({ key: 'k2', kid: 'b' }, { keep: false })
    for (let i = 0; i < 20; i++) {
      void tab.api().catch(() => {})
      await world.run(60_000)
    }
    expect(moved).toEqual([])
    expect(manager.getJWTValidationStats().hardRefreshes).toBe(0)
  })
})
