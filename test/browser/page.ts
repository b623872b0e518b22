import type { Page } from 'playwright-core'
import { until } from './daemon.js'

/** What `window.keyturn.status()` says, as far as these tests look. */
export interface PageStatus {
  socket: string
  rev: number | null
  key: string | null
  kid: string | null
  token: { key: string | null, kid: string | null } | null
}

interface Keyturn {
  status(): PageStatus
  fetch(url: string): Promise<Response>
}

/** How to sign in: with the socket to wait for (default), and with the page's own calls every second (default: without). */
export interface SignIn {
  socket?: boolean
  calling?: boolean
}

/** Opens the demo page and signs in through its form. */
export async function signIn(page: Page, url: string, name: string, roles: string[], { socket = true, calling = false }: SignIn = {}): Promise<void> {
  await page.goto(calling ? url : `${url}/?auto=off`)
  await page.fill('#name', name)
  await page.fill('#roles', roles.join(' '))
  await page.click('#signin button[type=submit]')
  await until(async () => {
    const now = await status(page)
    return now.token !== null && (!socket || (now.socket === 'open' && now.rev !== null))
  }, 'the page is signed in and connected')
}

export function status(page: Page): Promise<PageStatus> {
  return page.evaluate(() => (window as unknown as { keyturn: Keyturn }).keyturn.status())
}

/** One call through the page's fetch wrapper; resolves with the status that the app sees. */
export function call(page: Page, path: string): Promise<number> {
  return page.evaluate(async (p) => (await (window as unknown as { keyturn: Keyturn }).keyturn.fetch(p)).status, path)
}
