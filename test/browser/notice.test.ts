import { join } from 'node:path'
import type { Browser, BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { launch } from './chromium.js'
import { covers } from './covers.js'
import { until } from './daemon.js'
import { NoticePage, screens, states } from './notice-stage/stage.js'

const title = '⚠️ Authentication Token Issue Detected'
const done = '✅ Token Refreshed Successfully'
const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl'

let browser: Browser
let context: BrowserContext
beforeAll(async () => { browser = await launch() })
afterAll(async () => { await browser.close() })
// Without motion what is clicked stands still at once.
beforeEach(async () => { context = await browser.newContext({ ...screens.light, reducedMotion: 'reduce' }) })
afterEach(async () => { await context.close() })

// Where to put a picture of each state, to be looked at: `npm run shots`.
const shots = process.env.KEYTURN_SHOTS

describe('the notice is accessible, under a policy that allows no style and no markup', () => {
  for (const [screen, how] of Object.entries(screens)) {
    for (const lang of ['en', 'de', 'ar']) {
      test(`in ${lang}, ${screen}`, async () => {
        covers('NOT-19')
        const shown = await browser.newContext({ ...how, reducedMotion: 'reduce' })
        const on = await NoticePage.open(shown, {
          lang, options: { contact: { text: 'help@example.com', url: 'mailto:help@example.com' }, logout: true },
          settings: { successDismissMs: 600_000 }, body: '<input id="own-field" aria-label="Own field">',
        })
        for (const [state, reach] of Object.entries(states)) {
          await reach(on)
          // Where it is on the page, and what else is there, is judged once.
          expect(await on.findings(state === 'warning' ? 'html' : undefined), state).toEqual([])
          expect(on.trouble, state).toEqual([])
          const box = (await on.host.boundingBox())!
          expect(box.x >= 0 && box.x + box.width <= how.viewport.width && box.y >= 0, `${state} is on the screen`).toBe(true)
          // It stands where a sentence ends.
          const [before, behind] = [box.x, how.viewport.width - box.x - box.width]
          if (screen !== 'phone') expect(lang === 'ar' ? before < behind : before > behind, state).toBe(true)
          if (shots) await on.page.screenshot({ path: join(shots, `${state}-${screen}-${lang}.png`) })
          await on.clear()
        }
        await shown.close()
      })
    }
  }
})

for (const lang of ['en', 'de', 'ar']) {
  test(`the three buttons stand side by side in ${lang} where there is room, at work, too`, async () => {
    covers('NOT-03')
    const on = await NoticePage.open(context, { lang })
    await states.refreshing!(on)
    const tops = async (): Promise<number[]> => on.host.locator('.actions button:visible').evaluateAll((all) => all.map((b) => b.getBoundingClientRect().top))
    const busy = await tops()
    await on.reject('')
    await on.view('refreshing').waitFor({ state: 'detached' })
    for (const row of [busy, await tops()]) expect([row.length, new Set(row).size]).toEqual([3, 1])
  })
}

test('the title, the sentence and the buttons are the agreed ones, in order', async () => {
  covers('NOT-01', 'NOT-02', 'NOT-03')
  const on = await NoticePage.open(context)
  await states.warning!(on)
  expect(await on.host.getByRole('heading').first().textContent()).toBe(title)
  expect(await on.host.getByText('Your authentication token may be using an outdated JWT secret.', { exact: true }).isVisible()).toBe(true)
  expect(await on.host.locator('.actions button:visible').allTextContents()).toEqual(['Refresh Token', 'Hard Refresh Page', 'Dismiss'])
  expect(await on.host.getByRole('alert').textContent()).toContain(title)
})

test('More Information folds out and says what happened, what to do, and what to expect', async () => {
  covers('NOT-04', 'NOT-05', 'NOT-06')
  const on = await NoticePage.open(context)
  await states.warning!(on)
  const more = on.page.getByRole('button', { name: 'More Information' })
  expect(await more.textContent()).toBe('More Information ▼')
  expect(await more.getAttribute('aria-expanded')).toBe('false')
  expect(await on.host.getByText('What happened?').isVisible()).toBe(false)
  await more.click()
  expect(await more.getAttribute('aria-expanded')).toBe('true')
  expect(await on.host.locator('h3:visible').allTextContents()).toEqual(['What happened?', 'Solutions:', 'Expected Result:'])
  const details = on.host.locator('.details')
  for (const item of ['previous one', 'rejects the old signature', 'click “Refresh Token”', 'click “Hard Refresh Page”', 'clear the cache', 'JWT verification failed', 'Tools work']) {
    expect(await details.textContent()).toContain(item)
  }
  expect(await details.locator('ul ul li').allTextContents()).toEqual(['Windows/Linux: Ctrl + Shift + R', 'Mac: Cmd + Shift + R', 'Safari: Cmd + Option + R'])
  expect(await details.locator('[aria-current]').allTextContents()).toEqual(['Windows/Linux: Ctrl + Shift + R'])
  await more.click()
  expect(await more.getAttribute('aria-expanded')).toBe('false')
})

test('the keys of a hard refresh reach the browser, whatever has the focus', async () => {
  covers('NOT-06')
  const on = await NoticePage.open(context)
  await states.hard!(on)
  const prevented = await on.page.evaluate(() => {
    const inside = document.querySelector('keyturn-notice')!.shadowRoot!.querySelector('button')!
    const chords = [{ ctrlKey: true, shiftKey: true }, { metaKey: true, shiftKey: true }, { metaKey: true, altKey: true }]
    return chords.flatMap((keys) => [inside, document.body].map((on) =>
      !on.dispatchEvent(new KeyboardEvent('keydown', { key: 'R', code: 'KeyR', bubbles: true, cancelable: true, composed: true, ...keys }))))
  })
  expect(prevented).toEqual(Array(6).fill(false))
})

test('while the refresh runs it says so and takes no second press', async () => {
  covers('NOT-07')
  const moving = await browser.newContext({ reducedMotion: 'no-preference' })
  const on = await NoticePage.open(moving)
  await states.warning!(on)
  await on.button('Refresh Token').dblclick()
  await on.view('refreshing').waitFor()
  expect(await on.host.locator('.actions button:visible').allTextContents()).toEqual(['Refreshing...', 'Hard Refresh Page', 'Dismiss'])
  expect(await on.host.locator('.actions button:visible:enabled').count()).toBe(0)
  expect(await on.button('Refreshing...').evaluate((b) => getComputedStyle(b, '::before').animationName)).not.toBe('none')
  expect((await on.calls()).filter((c) => c !== 'noticed')).toEqual(['clearCache', 'refreshToken'])
  await moving.close()
})

test('success is said in words and goes away by itself', async () => {
  covers('NOT-08', 'NOT-09', 'EXP-3')
  const on = await NoticePage.open(context, { settings: { successDismissMs: 700 } })
  await states.refreshing!(on)
  await on.stopClock()
  await on.resolve()
  await on.view('success').waitFor()
  expect(await on.host.getByRole('status').textContent()).toBe(`${done}Your token was refreshed. Everything should work again.`)
  await on.page.clock.runFor(699)
  expect(await on.view('success').isVisible()).toBe(true)
  await on.page.clock.runFor(1)
  await on.host.waitFor({ state: 'detached' })
})

test('a failure is said inside, and the buttons work again', async () => {
  covers('NOT-10', 'EXP-4')
  const on = await NoticePage.open(context)
  await states.failed!(on)
  expect(await on.host.locator('.box').textContent()).toBe('Refresh Failedrefresh: the server answered 500')
  expect(await on.host.locator('.actions button:visible:enabled').count()).toBe(3)
  await on.button('Refresh Token').click()
  await on.resolve()
  await on.view('success').waitFor()
})

test('without the manager it says that it is missing', async () => {
  covers('NOT-11')
  const on = await NoticePage.open(context)
  await states.warning!(on)
  await on.vanish()
  await on.button('Refresh Token').click()
  await on.view('failed').waitFor()
  expect(await on.host.locator('.box').textContent()).toContain('Auth manager not available')
})

for (const [by, press] of Object.entries<(on: NoticePage) => Promise<void>>({
  'the button': (on) => on.host.locator('.dismiss').click(),
  'the icon': (on) => on.host.locator('.x').click(),
  'Escape inside': async (on) => { await on.host.locator('.refresh').focus(); await on.page.keyboard.press('Escape') },
})) {
  test(`dismissed by ${by} it leaves the page, and only a new failure brings it back`, async () => {
    covers('NOT-13', 'NOT-14')
    const on = await NoticePage.open(context)
    await states.warning!(on)
    await press(on)
    await on.host.waitFor({ state: 'detached' })
    await on.emit({ id: 1, phase: 'failed' })
    expect(await on.host.count()).toBe(0)
    await on.emit({ id: 2, phase: 'open' })
    expect(await on.host.count()).toBe(0)
    await on.emit({ id: 2, phase: 'failed' })
    await on.view('warning').waitFor()
  })
}

test('after two failures it proposes the hard refresh, with the keys', async () => {
  covers('NOT-15', 'EXP-5')
  const on = await NoticePage.open(context)
  await states.warning!(on)
  expect(await on.host.locator('.primary').textContent()).toBe('Refresh Token')
  await on.emit({ id: 2, phase: 'failed', failures: 2 })
  await on.view('hard').waitFor()
  expect(await on.host.locator('.primary').textContent()).toBe('Hard Refresh Page')
  expect(await on.host.locator('.prompt').textContent()).toBe('A new token is not enough. Please hard refresh this page: Ctrl + Shift + R')
  await on.button('Hard Refresh Page').click()
  expect(await on.calls()).toContain('hardRefresh')
})

for (const [notify, noticeable, shows] of [
  ['auto', false, false], ['auto', true, true], ['always', false, true], ['never', true, false],
] as const) {
  test(`notifyOnSuccess ${notify}: a recovery that was ${noticeable ? '' : 'not '}noticed is ${shows ? 'told' : 'not told'}`, async () => {
    covers('NOT-16', 'SIL-05', 'EXP-2')
    const on = await NoticePage.open(context, { settings: { notifyOnSuccess: notify, successDismissMs: 600_000 } })
    await on.emit({ id: 1, phase: 'open', noticeable })
    expect(await on.host.count()).toBe(0)
    await on.emit({ id: 1, phase: 'recovered', noticeable, failures: 0 })
    expect(await on.host.count()).toBe(shows ? 1 : 0)
  })
}

test('it takes no focus and blocks nothing behind it', async () => {
  covers('NOT-17')
  const on = await NoticePage.open(context, { body: '<input id="own-field" aria-label="Own field">' })
  await on.page.focus('#own-field')
  await states.warning!(on)
  await on.page.keyboard.type('work')
  expect(await on.page.inputValue('#own-field')).toBe('work')
  await on.page.click('#own')
  expect(await on.page.evaluate(() => document.activeElement?.id)).toBe('own')
})

test('it is shown within a second, also in front of a modal dialog, where it can be used', async () => {
  covers('NOT-17')
  const on = await NoticePage.open(context, { body: '<dialog id="modal"><p>A question</p><button>Yes</button></dialog>' })
  await on.page.evaluate(() => { document.querySelector('dialog')!.showModal() })
  await on.stopClock()
  await on.emit({ id: 1, phase: 'failed' })
  await on.page.clock.runFor(1000)
  expect(await on.view('warning').isVisible()).toBe(true)
  await on.host.locator('[aria-expanded]').click()
  await on.page.evaluate(() => { document.querySelector('dialog')!.close() })
  await on.view('warning').waitFor()
  await on.button('Dismiss').click()
  await on.host.waitFor({ state: 'detached' })
})

test('the keyboard walks through it in order, and the focus goes back where it was', async () => {
  covers('NOT-19')
  const on = await NoticePage.open(context)
  await on.page.focus('#own')
  await states.warning!(on)
  const walk: string[] = []
  for (let i = 0; i < 5; i++) {
    await on.page.keyboard.press('Tab')
    walk.push(await on.page.evaluate(() => {
      const at = document.activeElement!.shadowRoot!.activeElement!
      return at.ariaLabel ?? at.textContent!
    }))
  }
  expect(walk).toEqual(['Close', 'Refresh Token', 'Hard Refresh Page', 'Dismiss', 'More Information ▼'])
  await on.page.keyboard.press('Shift+Tab')
  await on.page.keyboard.press('Enter')
  await on.host.waitFor({ state: 'detached' })
  expect(await on.page.evaluate(() => document.activeElement?.id)).toBe('own')
})

test('a control that is switched off leaves the keyboard in the notice', async () => {
  covers('NOT-19')
  const on = await NoticePage.open(context)
  await states.warning!(on)
  await on.host.locator('.refresh').focus()
  await on.page.keyboard.press('Enter')
  await on.view('refreshing').waitFor()
  expect(await on.page.evaluate(() => document.activeElement!.shadowRoot?.activeElement?.tagName)).toBe('SECTION')
  await on.page.keyboard.press('Escape')
  expect(await on.view('refreshing').isVisible()).toBe(true)
})

test('nothing moves for those who asked for less motion', async () => {
  covers('NOT-19')
  const on = await NoticePage.open(context)
  await states.refreshing!(on)
  expect(await on.page.evaluate(() => document.getAnimations().length +
    document.querySelector('keyturn-notice')!.shadowRoot!.getAnimations().length)).toBe(0)
})

test('markup in an error is text, and a token in it is left out', async () => {
  covers('NOT-20')
  const on = await NoticePage.open(context)
  await states.refreshing!(on)
  await on.reject(`<img src=x onerror="document.title='owned'"> ${token}`)
  await on.view('failed').waitFor()
  const box = on.host.locator('.box')
  expect(await box.textContent()).toContain('<img src=x onerror=')
  expect(await box.locator('img').count()).toBe(0)
  expect(await box.textContent()).not.toContain('eyJ')
  expect(await on.page.title()).toBe('An app')
})

test('a hard refresh asks first where work could be lost', async () => {
  covers('NOT-21')
  const on = await NoticePage.open(context, { body: '<form><textarea id="own-field" aria-label="Own field">A letter</textarea></form>' })
  await states.hard!(on)
  await on.page.fill('#own-field', 'A longer letter')
  await on.button('Hard Refresh Page').click()
  expect(await on.host.locator('.box').textContent()).toBe('This page has unsaved changes. Click again to discard them.')
  expect(await on.calls()).not.toContain('hardRefresh')
  await on.button('Hard Refresh Page').click()
  expect(await on.calls()).toContain('hardRefresh')
})

for (const [name, options] of [
  ['with a default', '<option>a</option><option selected>b</option>'], ['without a default', '<option>b</option><option>a</option>'],
] as const) {
  test(`a list ${name} is work only while something else is chosen`, async () => {
    covers('NOT-21')
    const on = await NoticePage.open(context, { body: `<select id="own-field" aria-label="Own field">${options}</select>` })
    let reloads = 0
    for (const [choice, asked] of [[null, false], ['a', true], ['b', false]] as const) {
      if (choice) await on.page.selectOption('#own-field', choice)
      await states.hard!(on)
      await on.button('Hard Refresh Page').click()
      if (!asked) reloads++
      expect((await on.calls()).filter((c) => c === 'hardRefresh').length, `${choice ?? 'nothing'} was chosen`).toBe(reloads)
      await on.clear()
    }
  })
}

test('an app that knows better says itself whether work could be lost', async () => {
  covers('NOT-21')
  for (const [dirty, asked] of [[true, false], [false, true]] as const) {
    const on = await NoticePage.open(context, { dirty, body: '<input id="own-field" aria-label="Own field">' })
    await states.hard!(on)
    await on.page.fill('#own-field', 'changed')
    await on.button('Hard Refresh Page').click()
    expect((await on.calls()).includes('hardRefresh')).toBe(asked)
    await on.page.close()
  }
})

test('a true denial says so, with the server\'s reason or the usual one', async () => {
  covers('NOT-22')
  for (const [message, text] of [
    ['', 'You do not have permission to access this resource. Please contact an administrator to request access.'],
    ['role <b>auditor</b> is missing', 'role <b>auditor</b> is missing'],
  ] as const) {
    const on = await NoticePage.open(context, { options: { logout: true } })
    await on.emit({ id: 1, phase: 'denied', message })
    await on.view('denied').waitFor()
    expect(await on.host.getByRole('heading').textContent()).toBe('Access Denied')
    expect(await on.host.locator('.text').textContent()).toBe(text)
    expect(await on.host.locator('.actions button:visible').allTextContents()).toEqual(['Logout', 'Dismiss'])
    await on.button('Logout').click()
    expect(await on.calls()).toContain('logout')
    await on.page.close()
  }
})

test('diagnostics are copied without a token', async () => {
  covers('DOC-05')
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const on = await NoticePage.open(context)
  await states.information!(on)
  await on.button('Copy diagnostics').click()
  await on.button('Copied').waitFor()
  const copied = await on.page.evaluate(() => navigator.clipboard.readText())
  expect(JSON.parse(copied)).toMatchObject({ version: '0.1.0', kid: '2026-11-b', stats: { validationFailureCount: 2 }, lastValidationError: { message: 'the server answered 500' } })
  expect(copied).not.toContain('eyJ')
})

test('where the clipboard is closed the diagnostics are there to be copied by hand', async () => {
  covers('DOC-05')
  const on = await NoticePage.open(context)
  await states.information!(on)
  await on.page.evaluate(() => {
    Object.defineProperty(navigator, 'clipboard', { value: undefined })
    document.execCommand = () => false
  })
  await on.button('Copy diagnostics').click()
  const area = on.host.locator('textarea')
  await area.waitFor()
  expect(await area.inputValue()).toContain('2026-11-b')
  expect(await area.evaluate((a) => (a as HTMLTextAreaElement).selectionEnd)).toBe((await area.inputValue()).length)
})

test('of two windows one shows it, and a dismissal holds in both', async () => {
  covers('NOT-18', 'NOT-14')
  const [a, b] = [await NoticePage.open(context), await NoticePage.open(context)]
  for (let i = 0; i < 10; i++) await Promise.all([a, b].map((on) => on.emit({ id: 1, phase: 'failed' })))
  const shown = async (): Promise<number> => (await a.host.count()) + (await b.host.count())
  await until(async () => await shown() === 1, 'one window shows it')
  const [first, second] = await a.host.count() === 1 ? [a, b] : [b, a]
  const heard = await second.hears('dismiss')
  await first.host.locator('.dismiss').click()
  await until(async () => await shown() === 0, 'it is gone')
  await heard()
  await second.emit({ id: 1, phase: 'failed' })
  expect(await shown()).toBe(0)
  await second.emit({ id: 2, phase: 'failed' })
  await second.view('warning').waitFor()
})

test('what shows it and is closed leaves it to another window', async () => {
  covers('NOT-18')
  const [a, b] = [await NoticePage.open(context), await NoticePage.open(context)]
  for (const on of [a, b]) await on.emit({ id: 1, phase: 'failed' })
  await until(async () => (await a.host.count()) + (await b.host.count()) === 1, 'one window shows it')
  const [first, second] = await a.host.count() === 1 ? [a, b] : [b, a]
  await first.page.close({ runBeforeUnload: true })
  await second.view('warning').waitFor()
})

test('an unmounted notice is gone, and stays so', async () => {
  covers('NOT-13')
  const on = await NoticePage.open(context)
  await states.warning!(on)
  await on.unmount()
  expect(await on.host.count()).toBe(0)
  await on.emit({ id: 2, phase: 'failed' })
  expect(await on.host.count()).toBe(0)
})
