import type { Locator, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { moved, serveApp, signInto, type Visit, visit } from './app.js'
import { setAppStage } from './appstage.js'
import { covers } from './covers.js'
import { until } from './daemon.js'
import { call, status } from './page.js'

// The guide's table of what users see, row by row, and what they do then.

const stage = setAppStage()

async function app(settings: object = {}): Promise<Visit> {
  serveApp(stage.front)
  const v = await visit(await stage.context(), `${stage.front.url}/app`)
  await signInto(v.page, 'alice')
  await v.page.evaluate((s) => {
    const w = window as any
    w.__dynamicAuthManager.updateConfig(s)
    // Whether a notice was ever there, however briefly.
    w.notices = []
    new MutationObserver((all) => {
      for (const m of all) for (const n of m.addedNodes) if (n.nodeName === 'KEYTURN-NOTICE') w.notices.push(Date.now())
    }).observe(document, { childList: true, subtree: true })
  }, settings)
  v.traffic.restart()
  return v
}

const notices = (page: Page): Promise<number> => page.evaluate(() => (window as any).notices.length)
const notice = (page: Page): Locator => page.locator('keyturn-notice')
const button = (page: Page, name: string): Locator => notice(page).getByRole('button', { name, exact: true })

/** How long a success is shown in these tests: it goes by itself, and a slow machine must have seen it. */
const successDismissMs = 5000

/** Does something whose success is shown, which is looked for from before on, and then goes away by itself. */
async function succeeds(page: Page, step: () => Promise<unknown>): Promise<void> {
  await Promise.all([notice(page).getByText('✅ Token Refreshed Successfully').waitFor(), step()])
  await notice(page).waitFor({ state: 'detached' })
}

/** Lets the refresh endpoint fail until the function that it returns is called. */
function breakRefresh(): () => void {
  stage.front.on('/auth/refresh', (c) => {
    c.reply(500, { 'content-type': 'application/problem+json' }, JSON.stringify({ title: 'Internal Server Error', detail: 'the <img src=x onerror=alert(1)> broke' }))
  })
  return () => { stage.front.on('/auth/refresh', undefined) }
}

async function leak(): Promise<void> {
  const turned = await stage.daemon.run('rotate', 'demo', '--compromise')
  expect(turned, turned.out).toMatchObject({ code: 0 })
}

/** A page whose token is over and can't be refreshed: its call fails, and its user is told. */
async function failing(settings: object = {}): Promise<Visit & { mend: () => void }> {
  stage.front.stream = 'none'
  serveApp(stage.front)
  const v = await visit(await stage.context(), `${stage.front.url}/app`)
  await signInto(v.page, 'alice', ['user'], false)
  await v.page.evaluate((s) => { (window as any).__dynamicAuthManager.updateConfig(s) }, settings)
  const mend = breakRefresh()
  await leak()
  expect(await call(v.page, '/api/hello')).toBe(401)
  // The element is there before what it shows.
  await button(v.page, 'Dismiss').waitFor()
  return { ...v, mend }
}

test('normal operation: hundreds of calls, no refresh, no notice', async () => {
  covers('EXP-1', 'REF-12')
  const { page, traffic } = await app()
  const statuses = await page.evaluate(async () => {
    const all = new Set<number>()
    for (let i = 0; i < 300; i++) all.add((await fetch('/api/hello')).status)
    return [...all]
  })
  expect(statuses).toEqual([200])
  expect(traffic.refreshes).toEqual([])
  expect(await notices(page)).toBe(0)
})

test('a new secret, first seen by a refused call: it works, and a success is shown where the app asks for it', async () => {
  covers('EXP-2', 'NOT-16')
  stage.front.stream = 'none'
  serveApp(stage.front)
  const { page } = await visit(await stage.context(), `${stage.front.url}/app`)
  await signInto(page, 'alice', ['user'], false)
  await leak()
  await page.evaluate((ms) => { (window as any).__dynamicAuthManager.updateConfig({ notifyOnSuccess: 'always', successDismissMs: ms }) }, successDismissMs)
  await succeeds(page, async () => { expect(await call(page, '/api/hello')).toBe(200) })
  expect(stage.front.of('/api/hello').map((s) => s.status)).toEqual([401, 200])
})

test('a failure that the button mends: the success is said, and goes away by itself', async () => {
  covers('EXP-3', 'NOT-08', 'NOT-09')
  const { page, mend } = await failing({ successDismissMs })
  mend()
  await succeeds(page, () => button(page, 'Refresh Token').click())
  expect(await call(page, '/api/hello')).toBe(200)
})

test('a refresh that fails: a notice with what can be done, over a page that goes on working', async () => {
  covers('EXP-4', 'NOT-03', 'NOT-17')
  const { page } = await failing()
  expect(await notice(page).getByRole('button').allInnerTexts()).toEqual(expect.arrayContaining(['Refresh Token', 'Hard Refresh Page', 'Dismiss']))
  await page.click('#behind')
  await page.fill('textarea', 'still here')
  expect(await page.inputValue('textarea')).toBe('still here')
})

test('a refresh that fails again in the notice: the error is shown as text, and the buttons work again', async () => {
  covers('NOT-10', 'NOT-20', 'REF-11')
  const { page, traffic } = await failing()
  await button(page, 'Refresh Token').click()
  await notice(page).getByText('Refresh Failed').waitFor()
  expect(await notice(page).evaluate((n) => n.shadowRoot!.querySelectorAll('img, script').length)).toBe(0)
  await until(() => button(page, 'Refresh Token').isEnabled(), 'the button can be used again')
  expect(await page.evaluate(() => (window as any).keyturn.getJWTValidationStats().lastValidationError)).toMatchObject({ message: expect.any(String) })
  expect(traffic.lines.some((l) => /🔄.*(500|broke)/.test(l))).toBe(true)
  expect(traffic.errors).toEqual([])
})

test('with data-notice="off" a failure shows nothing, and the app can tell of it itself', async () => {
  covers('NOT-17')
  stage.front.stream = 'none'
  serveApp(stage.front, '/app', { tag: 'data-notice="off"' })
  const { page, traffic } = await visit(await stage.context(), `${stage.front.url}/app`)
  await signInto(page, 'alice', ['user'], false)
  await page.evaluate(() => {
    const w = window as any
    w.phases = []
    w.keyturn.on('episode', (e: { phase: string }) => w.phases.push(e.phase))
  })
  breakRefresh()
  await leak()
  expect(await call(page, '/api/hello')).toBe(401)
  expect(await page.evaluate(() => (window as any).phases.at(-1))).toBe('failed')
  expect(await notice(page).count()).toBe(0)
  expect(await page.evaluate(() => (window as any).keyturn.getJWTValidationStats().notificationsShown)).toBe(0)
  expect(traffic.errors).toEqual([])
})

test('after two failures in a row a hard refresh is proposed, with its keys', async () => {
  covers('EXP-5', 'NOT-15')
  const { page } = await failing()
  await button(page, 'Refresh Token').click()
  await notice(page).getByText('Please hard refresh this page').waitFor()
  await notice(page).getByText('Ctrl + Shift + R').first().waitFor()
  // Nothing reloads by itself.
  expect(await page.evaluate(() => performance.getEntriesByType('navigation').length)).toBe(1)
})

test('dismissed, the notice stays away until a new failure; refreshing goes on', async () => {
  covers('NOT-13', 'NOT-14', 'REF-10')
  const { page, mend } = await failing()
  await button(page, 'Dismiss').first().click()
  await notice(page).waitFor({ state: 'detached' })
  mend()
  expect(await call(page, '/api/hello')).toBe(200)
  await leak()
  expect(await call(page, '/api/hello')).toBe(200)
  breakRefresh()
  await leak()
  expect(await call(page, '/api/hello')).toBe(401)
  await notice(page).getByText('Authentication Token Issue Detected').waitFor()
})

test('switched off, errors are shown, nothing refreshes by itself, and the button works', async () => {
  covers('CFG-02', 'REF-07', 'CFG-03')
  stage.front.stream = 'none'
  const { page, traffic } = await visitOffline()
  await page.evaluate(() => { (window as any).__dynamicAuthManager.updateConfig({ autoRefreshOnError: false }) })
  await leak()
  traffic.restart()
  expect(await call(page, '/api/hello')).toBe(401)
  expect(traffic.refreshes).toEqual([])
  await button(page, 'Refresh Token').click()
  await until(async () => (await call(page, '/api/hello')) === 200, 'the button has refreshed')
  expect(traffic.refreshes).toHaveLength(1)
  await page.evaluate(() => { (window as any).__dynamicAuthManager.updateConfig({ autoRefreshOnError: true }) })
  await leak()
  expect(await call(page, '/api/hello')).toBe(200)
})

async function visitOffline(): Promise<Visit> {
  serveApp(stage.front)
  const v = await visit(await stage.context(), `${stage.front.url}/app`)
  await signInto(v.page, 'alice', ['user'], false)
  return v
}

test('a true denial is said with the server\'s words, once, and leaves the page where it is', async () => {
  covers('NOT-22', 'LOOP-08', 'EDGE-07')
  const { page } = await app()
  const before = stage.front.of('/auth/refresh').length
  expect(await call(page, '/api/admin')).toBe(403)
  await notice(page).getByText('Access Denied').waitFor()
  expect(await call(page, '/api/admin')).toBe(403)
  expect(stage.front.of('/auth/refresh').length - before).toBe(1)
  expect(new URL(page.url()).pathname).toBe('/app')
  await page.goto(`${stage.front.url}/app?elsewhere`)
  await page.goBack()
  await until(async () => (await status(page)).token !== null, 'the page is back')
})

test('the lines of a 403 come in order, and those of its repetition', async () => {
  covers('LOG-24', 'LOG-06')
  const { page, traffic } = await app()
  const lines = async (): Promise<string[]> => {
    traffic.lines.length = 0
    expect(await call(page, '/api/admin')).toBe(403)
    return traffic.lines.flatMap((l) => /\[fetchWithAuth\] .*|DynamicAuthManager: .*/.exec(l)?.[0] ?? [])
  }
  expect(await lines()).toEqual([
    '[fetchWithAuth] Got 403 Forbidden, user may need permission refresh',
    '[fetchWithAuth] First 403, attempting token refresh',
    '[fetchWithAuth] Waiting 500ms before refresh...',
    'DynamicAuthManager: Refreshing token...',
    'DynamicAuthManager: Token refreshed successfully',
    '[fetchWithAuth] Got 403 Forbidden, user may need permission refresh',
    expect.stringMatching(/Already attempted refresh for this request|still 403/),
  ])
  expect(await lines()).toEqual([
    '[fetchWithAuth] Got 403 Forbidden, user may need permission refresh',
    '[fetchWithAuth] Token already refreshed, still 403 - user lacks permission',
  ])
})

test('many refused calls at once are one refresh, and each is settled', async () => {
  covers('EDGE-01', 'EDGE-06', 'REF-04')
  const { page } = await app()
  const before = stage.front.of('/auth/refresh').length
  const settled = await page.evaluate(async () =>
    (await Promise.all(Array.from({ length: 20 }, () => fetch('/api/admin')))).map((r) => r.status))
  expect(settled).toEqual(Array(20).fill(403))
  expect(stage.front.of('/auth/refresh').length - before).toBe(1)
})

test('a page moves while its user looks on, and sees nothing', async () => {
  covers('SIL-05', 'PERF-05')
  const { page } = await app()
  const before = await status(page)
  await until(() => stage.front.of('/auth/config-status').length === 1, 'the configuration has been checked, as after each first token')
  const asked = stage.front.seen.length
  await leak()
  await moved(page, before)
  expect(await notices(page)).toBe(0)
  // Nothing but the one refresh was asked for: no polling. The icon is the browser's, which fetches it when it likes.
  expect(stage.front.seen.slice(asked).map((s) => s.path).filter((path) => path !== '/favicon.ico')).toEqual(['/auth/refresh'])
})
