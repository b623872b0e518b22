import { afterAll, beforeAll, expect, test } from 'vitest'
import { connected, moved, serveApp, signInto, type Visit, visit } from './app.js'
import { launch } from './chromium.js'
import { covers } from './covers.js'
import { Daemon, until } from './daemon.js'
import { Front } from './front.js'
import { call, type PageStatus, status } from './page.js'

// One planned rotation, seen by browsers that are each odd in their own way. What they have in common is that
// nobody notices.

const skewed = (minutes: number): string => `{
  const now = Date.now.bind(Date), shift = ${minutes} * 60000
  globalThis.Date = class extends Date { constructor(...a) { a.length ? super(...a) : super(now() + shift) } static now() { return now() + shift } }
}`

type Name = 'plain' | 'ahead' | 'behind' | 'forgetful' | 'lonely'

/** key: name of a browser; value: what runs in its pages before their own scripts. */
const odd: Record<Name, string> = {
  plain: '',
  ahead: skewed(10),
  behind: skewed(-10),
  forgetful: `for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, { get() { throw new DOMException('storage is off', 'SecurityError') } })
    }`,
  lonely: "delete globalThis.BroadcastChannel; Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })",
}

const visits = {} as Record<Name, Visit & { before: PageStatus, after: PageStatus }>
let close: () => Promise<void>

beforeAll(async () => {
  const browser = await launch()
  const daemon = await new Daemon().start('--beacon', '1s')
  const front = await new Front(daemon.url).start()
  close = async () => {
    await browser.close()
    await front.close()
    await daemon.remove()
  }
  serveApp(front)
  for (const name of Object.keys(odd) as Name[]) {
    const context = await browser.newContext()
    await context.addInitScript({ content: odd[name] })
    const v = await visit(context, `${front.url}/app?page=2&filter=a%20b#row-7`)
    await signInto(v.page, name)
    await v.page.fill('textarea', `${name} half a thought`)
    await v.page.evaluate(() => { (window as unknown as { marker: string }).marker = 'same document' })
    v.traffic.restart()
    visits[name] = { ...v, before: await connected(v.page), after: {} as PageStatus }
    // The check of the configuration has its own time; its line is none of the rotation's.
    await until(() => v.traffic.lines.some((l) => l.includes('JWT configuration')), 'the configuration is checked')
  }
  const turned = await daemon.run('rotate', 'demo')
  if (turned.code !== 0) throw new Error(turned.out)
  for (const v of Object.values(visits)) v.after = await moved(v.page, v.before)
}, 120_000)

afterAll(async () => { await close() })

test('an idle page moves ahead of any failure, and says so in the console', () => {
  covers('DET-07', 'LOG-21', 'SIL-05')
  const { traffic, before, after } = visits.plain
  expect(after.token?.kid).not.toBe(before.token?.kid)
  expect(traffic.refused).toEqual([])
  expect(traffic.refreshes).toHaveLength(1)
  expect(traffic.lines.filter((l) => l.includes('🔄') && l.includes(`JWT key ${before.kid} → ${after.kid}`))).toHaveLength(1)
})

test('filtering the console for 🔄 or JWT shows each step of a rotation', () => {
  covers('DOC-06', 'ACC-8')
  const { traffic, before, after } = visits.plain
  const found = traffic.lines.filter((l) => /🔄|JWT/.test(l))
  const event = found.findIndex((l) => l.includes(`JWT key ${before.kid} → ${after.kid}`))
  // In this order, and after the event nothing else but the schedule of the new token.
  const steps = found.slice(event).filter((l) => !l.includes('[AuthContext]'))
  expect(steps.slice(0, 4)).toEqual([
    expect.stringMatching(/^🔄 event demo\/\d+: JWT key /), expect.stringMatching(/^🔄 event: JWT refresh planned in \d+ ms$/),
    '🔄 DynamicAuthManager: Refreshing token...', '🔄 ✅ DynamicAuthManager: Token refreshed successfully',
  ])
  expect(traffic.lines.filter((l) => /refresh/i.test(l) && !/🔄|JWT/.test(l))).toEqual([])
})

test('a half-filled form and the document itself stay', async () => {
  covers('REF-09', 'SIL-02', 'ACC-14')
  const { page } = visits.plain
  expect(await page.inputValue('textarea')).toBe('plain half a thought')
  expect(await page.evaluate(() => (window as unknown as { marker: string }).marker)).toBe('same document')
  expect(await page.evaluate(() => performance.getEntriesByType('navigation').length)).toBe(1)
})

test('nobody signs in again', () => {
  covers('REF-08', 'SIL-01', 'ACC-3')
  for (const { page } of Object.values(visits)) expect(new URL(page.url()).pathname).toBe('/app')
})

test('the address is what it was', () => {
  covers('ACC-4')
  expect(visits.plain.page.url()).toMatch(/\/app\?page=2&filter=a%20b#row-7$/)
})

for (const [name, minutes] of [['ahead', 10], ['behind', -10]] as const) {
  test(`a clock that is ${minutes} minutes off causes one refresh, as any other`, async () => {
    covers('EDGE-13')
    const { page, traffic } = visits[name]
    expect(Math.round(await page.evaluate(() => Date.now()) / 60_000 - Date.now() / 60_000)).toBe(minutes)
    expect(traffic.refreshes).toHaveLength(1)
    expect(traffic.refused).toEqual([])
    expect(await call(page, '/api/hello')).toBe(200)
    expect(traffic.refreshes).toHaveLength(1)
  })
}

for (const [name, what] of [['forgetful', 'storage that throws'], ['lonely', 'neither locks nor channels']] as const) {
  test(`a browser with ${what} moves all the same`, async () => {
    covers('EDGE-14')
    const { page, traffic } = visits[name]
    expect(traffic.refreshes).toHaveLength(1)
    expect(traffic.errors).toEqual([])
    expect(await call(page, '/api/hello')).toBe(200)
  })
}

test('the tag is all that the app takes in, and its strictest policy is kept', async () => {
  covers('ACC-11')
  for (const { page, traffic } of Object.values(visits)) {
    expect(traffic.errors).toEqual([])
    expect(traffic.lines.filter((l) => /Content Security Policy|TrustedHTML|TrustedScript/.test(l))).toEqual([])
    expect((await status(page)).socket).toBe('open')
  }
})
