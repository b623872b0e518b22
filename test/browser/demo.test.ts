import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { launch } from './chromium.js'
import { covers } from './covers.js'
import { Daemon, until } from './daemon.js'

// The pages of the demo app by themselves: signed in by name, roles with the app. What the client makes of them is
// the other files'.

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let browser: Browser
let daemon: Daemon
let trouble: string[] = []

beforeAll(async () => {
  browser = await launch()
  daemon = await new Daemon().start('--claims', 'hook', '--beacon', '1s')
})
afterAll(async () => {
  await browser.close()
  await daemon.remove()
})
afterEach(async () => {
  await Promise.all(browser.contexts().map((c) => c.close()))
  const said = trouble
  trouble = []
  expect(said).toEqual([])
})

let people = 0
const newcomer = (): string => `user${++people}`

async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage()
  page.on('pageerror', (e) => trouble.push(e.message))
  // Refusals are meant; a broken policy, or anything else, is not.
  page.on('console', (m) => { if (m.type() === 'error' && !/^Failed to load resource/.test(m.text())) trouble.push(m.text()) })
  await page.goto(daemon.url + path)
  return page
}

async function signIn(page: Page, name: string, roles: string): Promise<void> {
  await page.getByTestId('name').fill(name)
  await page.getByTestId('name-roles').fill(roles)
  await page.getByTestId('signin').click()
  await until(async () => await page.getByTestId('who').textContent() === name, `${name} is signed in`)
}

/** What axe finds on the whole page, as `rule: element`. */
async function findings(page: Page): Promise<string[]> {
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axe)
  return page.evaluate(async () => {
    const { violations, passes } = await (window as any).axe.run()
    if (passes.length === 0) throw new Error('nothing was judged')
    return violations.flatMap((v: any) => v.nodes.map((n: any) => `${v.id}: ${n.target}`))
  })
}

const rows = (page: Page): Promise<string[]> => page.getByTestId('rows').locator('tr').evaluateAll((all) => all.map((tr) => (tr as HTMLElement).dataset.id!))
const shows = (page: Page, count: number): Promise<void> => until(async () => (await rows(page)).length === count, `${count} reports are shown`)
const path = (page: Page): string => page.url().slice(daemon.url.length)

describe('each page, signed in and out', () => {
  const screens: Record<string, BrowserContextOptions> = {
    light: { colorScheme: 'light' }, dark: { colorScheme: 'dark' }, phone: { viewport: { width: 360, height: 740 } },
  }
  for (const [screen, how] of Object.entries(screens)) {
    test(`is accessible, and fits the screen: ${screen}`, async () => {
      const page = await open('/ui/reports', how)
      await page.getByTestId('signin').waitFor()
      const fits = async (where: string): Promise<void> => {
        expect(await findings(page), where).toEqual([])
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), where).toBeLessThanOrEqual(0)
      }
      await fits('signed out')
      await signIn(page, newcomer(), 'user admin')
      await fits('without the role')
      await page.goto(`${daemon.url}/ui/admin`)
      await page.getByTestId('users').locator('fieldset').first().waitFor()
      await fits('users')
      await page.goto(`${daemon.url}/ui/reports`)
      await page.getByTestId('signout').click()
      await page.getByTestId('signin').waitFor()
      await signIn(page, newcomer(), 'user analyst')
      await shows(page, 8)
      await page.getByTestId('rows').locator('a').nth(2).click()
      await fits('reports')
    })
  }
})

describe('reports', () => {
  test('filters, page and row live in the address, and the browser\'s buttons go through them', async () => {
    const page = await open('/ui/reports')
    await signIn(page, newcomer(), 'analyst')
    await shows(page, 8) // at once, for whoever may read
    await page.getByTestId('thread').selectOption('Quarter-end close')
    await until(() => path(page) === '/ui/reports?thread_id=test123', 'the thread is in the address')
    await page.getByTestId('filter').selectOption('active')
    // The first page has as many rows, and stays until the second is there.
    const answer = page.waitForResponse((r) => new URL(r.url()).searchParams.get('page') === '2')
    await page.getByTestId('page-next').click()
    const second = ((await (await answer).json()) as { reports: { id: string }[] }).reports.map(({ id }) => id)
    expect(second).toHaveLength(8)
    await until(async () => path(page) === '/ui/reports?thread_id=test123&filter=active&page=2' && (await rows(page)).join() === second.join(), 'the second page is there')
    await page.getByRole('link', { name: second[3]! }).click()
    await until(() => path(page) === `/ui/reports?thread_id=test123&filter=active&page=2#${second[3]}`, 'the row is in the address')
    expect(await page.locator('tr[aria-current]').getAttribute('data-id')).toBe(second[3])
    expect(await page.getByTestId('approve').textContent()).toBe(`Approve ${second[3]}`)

    await page.reload()
    await shows(page, 8)
    expect(await rows(page)).toEqual(second)
    expect(await page.locator('tr[aria-current]').getAttribute('data-id')).toBe(second[3])
    expect(await page.getByTestId('filter').inputValue()).toBe('active')
    expect(await page.getByTestId('page').textContent()).toBe('2')

    await page.goBack() // the row
    await page.goBack() // the page
    await until(async () => (await rows(page))[0] !== second[0], 'the first page is there')
    await until(() => path(page) === '/ui/reports?thread_id=test123&filter=active', 'the address is the first page\'s')
    expect(await page.getByTestId('page').textContent()).toBe('1')
    // What the address holds is no unsaved work.
    expect(await page.evaluate(() => [...document.querySelectorAll('option')].filter((o) => o.selected !== o.defaultSelected).length)).toBe(0)
  })

  test('an address that names what is not there stays, and says so', async () => {
    const page = await open('/ui/reports?thread_id=nothing&page=7&filter=old#R-9')
    await signIn(page, newcomer(), 'analyst')
    await page.getByText('No report matches.').waitFor()
    expect(path(page)).toBe('/ui/reports?thread_id=nothing&page=7&filter=old#R-9')
    expect(await page.getByTestId('thread').inputValue()).toBe('nothing')
  })

  test('an address with markup or half an escape is text', async () => {
    const page = await open('/ui/reports?thread_id=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&filter=%zz#%E0%A4%A')
    await signIn(page, newcomer(), 'analyst')
    await page.getByText('No report matches.').waitFor()
    expect(await page.locator('main img').count()).toBe(0)
  })

  test('what somebody may not do is denied in words, and what they may is done', async () => {
    covers('NOT-22')
    const page = await open('/ui/reports')
    await signIn(page, newcomer(), 'user reviewer')
    await page.getByTestId('load-all').click()
    await page.getByText('reports 403 · sources 403 · threads 403').waitFor()
    await page.getByText('Access Denied').waitFor()
    expect(await rows(page)).toEqual([])
    await page.getByTestId('approve').click()
    await page.getByText('R-1064 is approved.').waitFor()
  })

  test('all of it goes by the keyboard', async () => {
    const page = await open('/ui/reports')
    await signIn(page, newcomer(), 'analyst')
    await shows(page, 8)
    await page.reload() // the keyboard begins at the top
    await shows(page, 8)
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content')
    const reached = new Set<string>()
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab')
      reached.add(await page.evaluate(() => (document.activeElement as HTMLElement).dataset.testid ?? document.activeElement!.textContent!.trim()))
    }
    for (const id of ['Key', 'Reports', 'Admin', 'signout', 'thread', 'filter', 'load-reports', 'load-all', 'page-next', 'approve', 'R-1064']) expect(reached).toContain(id)
  })
})

describe('users', () => {
  test('two admins at once: the later one looks again, and nobody\'s change is lost', async () => {
    const name = newcomer()
    await signIn(await open('/ui/reports'), name, 'user')
    const one = await open('/ui/admin')
    await signIn(one, newcomer(), 'admin')
    const two = await open('/ui/admin')
    await signIn(two, newcomer(), 'admin')
    await Promise.all([one, two].map((p) => p.getByTestId(`save-${name}`).waitFor()))
    await one.getByTestId(`role-analyst-${name}`).check()
    await one.getByTestId(`save-${name}`).click()
    await one.getByText(`${name}: saved, and their pages are told.`).waitFor()
    await two.getByTestId(`role-reviewer-${name}`).check()
    await two.getByTestId(`save-${name}`).click()
    await two.getByText('somebody else has changed these roles meanwhile').waitFor()
    await until(() => two.getByTestId(`role-analyst-${name}`).isChecked(), 'the other\'s change is shown')
    expect(await two.getByTestId(`role-reviewer-${name}`).isChecked()).toBe(false)
    await two.getByTestId(`role-reviewer-${name}`).check()
    await two.getByTestId('tell').uncheck()
    await two.getByTestId(`save-${name}`).click()
    await two.getByText(`${name}: saved.`).waitFor()
    expect(await two.getByTestId('audit').locator('li').first().textContent()).toContain(`gave ${name}: user, analyst, reviewer before: user, analyst`)
    const { roles } = JSON.parse(readFileSync(`${daemon.dir}/roles.json`, 'utf8'))[name] as { roles: string[] }
    expect(roles).toEqual(['user', 'analyst', 'reviewer'])
  })

  test('a list that comes in between takes no tick away', async () => {
    const page = await open('/ui/admin')
    const name = newcomer()
    await signIn(page, name, 'admin')
    await page.getByTestId(`role-reviewer-${name}`).check()
    const answer = page.waitForResponse(/demo\/api\/users/)
    await page.evaluate(() => { dispatchEvent(new Event('focus')) })
    await (await answer).finished()
    expect(await page.getByTestId(`role-reviewer-${name}`).isChecked()).toBe(true)
    await page.getByTestId('reload').click()
    await until(async () => !await page.getByTestId(`role-reviewer-${name}`).isChecked(), 'asked for by hand, it does')
  })

  test('names are text, whatever they hold', async () => {
    const name = `<b>${newcomer()}</b>|"'&/x`
    const page = await open('/ui/admin')
    await signIn(page, name, 'admin')
    await page.getByTestId(`role-analyst-${name}`).check()
    await page.getByTestId(`save-${name}`).click()
    await page.getByText('saved, and their pages are told.').waitFor()
    expect(await page.locator('main b').count()).toBe(0)
  })

  test('whoever has not the role sees that, and no name of anybody', async () => {
    const page = await open('/ui/admin')
    await signIn(page, newcomer(), 'user')
    await page.getByText('Access Denied').waitFor()
    await page.getByTestId('denied').getByText('This page is for people with the role admin.').waitFor()
    expect(await page.getByTestId('users').textContent()).toBe('')
  })
})
