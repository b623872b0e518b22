import type { Route } from 'playwright-core'
import { expect, test } from 'vitest'
import { covers } from './covers.js'
import { until } from './daemon.js'
import { call, signIn, status } from './page.js'
import { setStage } from './stage.js'

const stage = setStage()
const broken = (route: Route): Promise<void> => route.fulfill({ status: 500 })

test('a refresh that fails is told to the user, whose click mends it', async () => {
  covers('EXP-4', 'NOT-07', 'NOT-10')
  const { daemon, page, context } = stage
  await context.routeWebSocket(/\/v1\/stream/, (socket) => { void socket.close({ code: 1013 }) })
  await signIn(page, daemon.url, 'alice', ['user'], { socket: false })
  const notice = page.locator('keyturn-notice')
  expect(await notice.count()).toBe(0)

  await page.route('**/auth/refresh', broken)
  const turned = await daemon.run('rotate', 'demo', '--compromise')
  expect(turned, turned.out).toMatchObject({ code: 0 })
  expect(await call(page, '/api/hello')).toBe(401)
  await notice.getByRole('heading', { name: '⚠️ Authentication Token Issue Detected' }).waitFor()
  await notice.getByRole('button', { name: 'Refresh Token' }).click()
  await notice.getByText('Refresh Failed').waitFor()

  // The endpoint works again, but no answer comes before the click: the client tries again by itself, too.
  let clicked = (): void => {}
  const click = new Promise<void>((resolve) => { clicked = resolve })
  await page.route('**/auth/refresh', async (route) => {
    await click
    await route.continue().catch(() => {}) // a page that is gone needs no answer
  })
  await page.unroute('**/auth/refresh', broken) // after the other one, so that no answer slips through between them
  await notice.getByRole('button', { name: 'Refresh Token' }).click()
  await notice.getByRole('button', { name: 'Refreshing...', disabled: true }).waitFor()
  // It goes by itself after three seconds: the page looks, at each of its frames.
  const told = page.waitForFunction(() => /✅ Token Refreshed Successfully/.test(document.querySelector('keyturn-notice')?.shadowRoot?.querySelector<HTMLElement>('section')?.innerText ?? ''))
  clicked()
  await told
  await notice.waitFor({ state: 'detached' })
  expect(await call(page, '/api/hello')).toBe(200)
})

test('a hard refresh from the notice loads the page anew under the same address', async () => {
  covers('NOT-12', 'EXP-5')
  const { daemon, page } = stage
  await signIn(page, daemon.url, 'alice', ['user'])
  await page.evaluate(() => { history.replaceState(null, '', '?auto=off&page=2#row-7'); Object.assign(window, { old: true }) })
  await page.route('**/auth/refresh', broken)
  const refresh = (): Promise<string> => page.evaluate(() => (window as unknown as { keyturn: { refresh(): Promise<string> } }).keyturn.refresh().catch(String))
  await refresh()
  await refresh()
  const notice = page.locator('keyturn-notice')
  await notice.getByText('Please hard refresh this page').waitFor()
  await page.unroute('**/auth/refresh', broken)
  await notice.getByRole('button', { name: 'Hard Refresh Page' }).click()
  await until(async () => await page.evaluate(() => !('old' in window)).catch(() => false), 'the page is a new one')
  await until(async () => (await status(page).catch(() => undefined))?.token?.kid !== undefined, 'the user is signed in')
  expect(new URL(page.url()).search + new URL(page.url()).hash).toBe('?auto=off&page=2#row-7')
  expect(await notice.count()).toBe(0)
})

test('in normal operation, and when a key is turned, nobody sees anything', async () => {
  covers('EXP-1', 'SIL-05', 'NOT-16')
  const { daemon, page } = stage
  await signIn(page, daemon.url, 'alice', ['user'])
  await page.evaluate(() => {
    const seen: string[] = []
    Object.assign(window, { seen })
    new MutationObserver(() => {
      if (document.querySelector('keyturn-notice')) seen.push('notice')
    }).observe(document.documentElement, { childList: true, subtree: true })
  })
  expect(await call(page, '/api/hello')).toBe(200)
  const before = await status(page)
  const turned = await daemon.run('rotate', 'demo')
  expect(turned, turned.out).toMatchObject({ code: 0 })
  await until(async () => (await status(page)).token?.kid !== before.token?.kid, 'the token is signed with the new key')
  expect(await call(page, '/api/hello')).toBe(200)
  expect(await page.evaluate(() => (window as unknown as { seen: string[] }).seen)).toEqual([])
})
