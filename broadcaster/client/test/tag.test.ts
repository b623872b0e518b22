import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Manager } from '../src/manager'
import type { Scope } from '../src/scope'
import { covers } from './covers'
import { World } from './world'
import { createXhr } from './xhr-scene'

const dist = (name: string): string => readFileSync(fileURLToPath(new URL(`../dist/${name}`, import.meta.url)), 'utf8')
const script = dist('keyturn.js')
const second = { key: 'k2', kid: '2026-11-b' }

/** A page with the script tag of these attributes; what the script did to its window. */
function load(dataset: Record<string, string>, world = new World(), times = 1, text = script, fields: object[] = []) {
  const tab = world.browser().tab()
  const base = tab.scope()
  const Xhr = createXhr(tab)
  const document = Object.create(base.document, {
    currentScript: { value: { dataset, src: 'https://keys.example.com/keyturn.js' } },
    querySelectorAll: { value: () => fields },
  }) as Scope['document']
  const window = Object.create(base, {
    document: { value: document },
    fetch: { value: base.fetch, writable: true },
    XMLHttpRequest: { value: Xhr, writable: true },
  }) as Scope & { keyturn: Manager; __dynamicAuthManager: Manager; fetch: typeof fetch; XMLHttpRequest: typeof Xhr } & Record<string, any>
  // The script sees this page's window where it says window or globalThis, and nothing of the test's.
  const run = new Function('window', 'globalThis', 'document', 'console', text)
  for (let i = 0; i < times; i++) run(window, window, document, base.console)
  return { tab, window, world }
}

describe('the script tag', () => {
  test('defines a frozen window.keyturn that works', async () => {
    const { tab, window, world } = load({ ring: 'payments', origins: 'https://api.example.com', refresh: '/auth/refresh' })
    await world.run(1_000)
    covers('API-08')
    expect(Object.keys(window.keyturn)).toEqual(expect.arrayContaining(['configure', 'fetch', 'getToken', 'logout', 'on', 'refresh', 'signedIn', 'status', 'getCurrentToken']))
    expect([window.__dynamicAuthManager === window.keyturn, Object.isFrozen(window.keyturn), window.keyturn.isInitialized]).toEqual([true, true, true])
    expect(() => Object.defineProperty(window, 'keyturn', { value: 1 })).toThrow(TypeError)
    expect(window.keyturn.status()).toMatchObject({ ring: 'payments', socket: 'open', token: { key: 'k1' } })
    expect(tab.socket.url).toBe('wss://keys.example.com/v1/stream?ring=payments')
    world.server.turn(second)
    await world.run(126_000)
    expect(window.keyturn.status().token).toMatchObject(second)
  })

  test('with origins recovers the page’s own fetch calls; without, touches nothing', async () => {
    const { window, world } = load({ ring: 'payments', origins: 'https://api.example.com', refresh: '/auth/refresh' })
    await world.run(1_000)
    world.server.turn(second, { keep: false, silent: true })
    const call = window.fetch('https://api.example.com/reports')
    await world.run(5_000)
    expect((await call).status).toBe(200)
    world.server.turn({ key: 'k3', kid: '2026-12-a' }, { keep: false, silent: true })
    const xhr = new window.XMLHttpRequest()
    xhr.open('GET', 'https://api.example.com/reports')
    xhr.send()
    await world.run(5_000)
    expect(xhr.status).toBe(200)

    const plain = load({ ring: 'payments' })
    const before = plain.window.fetch
    await plain.world.run(1_000)
    expect(plain.window.fetch).toBe(before)
  })

  test('has its endpoints beside the script, where none is written', async () => {
    const { tab, world } = load({})
    const seen: string[] = []
    world.server.refreshScript = (request) => (seen.push(request.url), null)
    await world.run(1_000)
    expect(seen).toEqual(['https://keys.example.com/auth/refresh'])
    expect(tab.socket.url).toBe('wss://keys.example.com/v1/stream')
  })

  test('with manual asks nobody before it is configured', async () => {
    const { tab, window, world } = load({ ring: 'payments', manual: '', stream: '/events' })
    await world.run(5_000)
    expect([tab.calls, tab.sockets.length]).toEqual([[], 0])
    window.keyturn.configure({ getToken: () => world.server.token('alice'), refresh: async () => world.server.token('alice') })
    await world.run(1_000)
    expect(tab.socket.url).toBe('wss://app.example.com/events?ring=payments')
    expect(window.keyturn.status().socket).toBe('open')
  })

  test('on the page twice starts once', async () => {
    const { tab, world } = load({ ring: 'payments' }, new World(), 2)
    await world.run(1_000)
    expect([tab.sockets.length, tab.said('not started')]).toEqual([1, 1])
  })

  test('with an origin that is none says so and starts nothing', () => {
    expect(() => load({ origins: '*' })).toThrow('is no origin')
  })

  test('shows the console what data-console says', async () => {
    covers('API-17')
    const full = load({})
    const some = load({ console: 'readonly' })
    const none = load({ console: 'off', origins: 'https://api.example.com', refresh: '/auth/refresh' })
    for (const { world } of [full, some, none]) await world.run(1_000)
    expect(typeof full.window.keyturn.updateConfig).toBe('function')
    expect([typeof some.window.keyturn.status, some.window.keyturn.getToken, some.window.keyturn.updateConfig]).toEqual(['function', undefined, undefined])
    expect([none.window.keyturn, none.window.__dynamicAuthManager]).toEqual([undefined, undefined])
    const call = none.window.fetch('https://api.example.com/reports')
    await none.world.run(1_000)
    expect((await call).status).toBe(200)
  })

  test('reads how people are signed in again; what will not do is as if it were not there', () => {
    covers('CFG-04')
    const { window } = load({
      signin: 'auto', base: '/app/', home: '/app/home', provider: 'corp', audience: 'api', callbackDelay: '1000', login: 'https://id.example.com/login',
    })
    expect(window.keyturn.getConfig()).toMatchObject({
      signIn: 'auto', basePath: '/app/', defaultReturnPath: '/app/home', provider: 'corp', audience: 'api', callbackDelayMs: 1_000, onBeforeRedirect: true,
    })
    const { window: odd } = load({ signin: 'on', base: 'app', home: '//evil.example', callbackDelay: 'long' })
    expect(odd.keyturn.getConfig()).toMatchObject({ signIn: 'off', basePath: '/ui/', defaultReturnPath: '/ui/reports', provider: '', audience: '', callbackDelayMs: 0 })
    expect(load({}).window.keyturn.getConfig()).toMatchObject({ signIn: 'off', onBeforeRedirect: true })
  })

  test.each<[string, object[], string[]]>([
    ['leaves a page without a word', [], ['https://id.example.com/login']],
    ['leaves no page with a draft on it', [{ type: 'text', value: 'draft', defaultValue: '' }], []],
  ])('%s, when the session is over', async (_, fields, gone) => {
    const { tab, window, world } = load({
      ring: 'payments', origins: 'https://api.example.com', refresh: '/auth/refresh', signin: 'redirect', login: 'https://id.example.com/login', notice: 'off',
    }, new World(), 1, script, fields)
    await world.run(1_000)
    world.server.turn(second, { keep: false, silent: true })
    world.server.refreshScript = () => new Response('{}', { status: 401 })
    const call = window.fetch('https://api.example.com/reports').catch(() => {})
    await world.run(2_000)
    await call
    expect(tab.address.gone.map((url) => url.split('?')[0])).toEqual(gone)
    const asked = window.keyturn.refresh().catch(() => {})
    await world.run(2_000)
    await asked
    expect(tab.address.gone).toHaveLength(1)
  })

  test('has the older configuration object only where data-config asks for it', async () => {
    covers('CFG-06')
    const [none, usual, named] = [load({}), load({ config: '' }), load({ config: 'APP_CONFIG' })]
    for (const { world } of [none, usual, named]) await world.run(1_000)
    expect(none.window.QUILT_CATALOG_CONFIG).toBe(undefined)
    expect([usual.window.QUILT_CATALOG_CONFIG.mcpEnhancedJwtKid, named.window.APP_CONFIG.mcpEnhancedJwtKid]).toEqual(['2026-10-a', '2026-10-a'])
  })

  test.each([
    ['IT help https://help.example.com/jwt', { text: 'IT help', url: 'https://help.example.com/jwt' }],
    ['mailto:help@example.com', { text: 'help@example.com', url: 'mailto:help@example.com' }],
    ['Ask at the desk', { text: 'Ask at the desk', url: '' }],
    ['', null],
  ])('reads data-contact=%j', (contact, expected) => {
    const { window } = load({ contact, lang: 'de' })
    expect(window.keyturn.getConfig()).toMatchObject({ contact: expected, language: 'de' })
  })

  test('of a module is <meta name="keyturn">', async () => {
    const world = new World()
    const tab = world.browser().tab()
    const base = tab.scope()
    const meta = { dataset: { ring: 'payments', stream: 'https://keys.example.com/v1/stream', notice: 'off' } }
    const document = Object.create(base.document, { currentScript: { value: null }, querySelector: { value: (what: string) => (what === 'meta[name=keyturn]' ? meta : null) } })
    const window = Object.create(base, { document: { value: document } })
    new Function('window', 'globalThis', 'document', 'console', script)(window, window, document, base.console)
    await world.run(1_000)
    expect([tab.socket.url, tab.calls[0]]).toEqual(['wss://keys.example.com/v1/stream?ring=payments', 'POST /auth/refresh'])
    expect(window.keyturn.status().socket).toBe('open')
  })
})

describe('the dev build', () => {
  const dev = dist('keyturn.dev.js')

  test('rehearses a rotation: one refresh or two, and then what is true again', async () => {
    covers('API-18')
    const { tab, window, world } = load({ ring: 'payments', refresh: '/auth/refresh' }, new World(), 1, dev)
    await world.run(1_000)
    const before = window.keyturn.status()
    window.keyturnDev.rotation()
    await world.run(60_000)
    expect(tab.said('JWT key 2026-10-a → rehearsed-')).toBe(1)
    expect([tab.refreshes, window.keyturn.status().key]).toEqual([2, before.key])
    world.server.turn(second)
    await world.run(130_000)
    expect(window.keyturn.status().token).toMatchObject(second)
  })

  test('rehearses an auth error: the next call is refused, and recovers', async () => {
    const { tab, window, world } = load({ ring: 'payments', origins: 'https://api.example.com', refresh: '/auth/refresh' }, new World(), 1, dev)
    await world.run(1_000)
    window.keyturnDev.authError()
    const call = window.fetch('https://api.example.com/reports')
    await world.run(5_000)
    expect([(await call).status, tab.refreshes, world.server.seen.length]).toEqual([200, 2, 1])
    window.keyturnDev.claims()
    await world.run(5_000)
    expect(tab.refreshes).toBe(3)
  })
})
