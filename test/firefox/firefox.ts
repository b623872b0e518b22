import { type Browser, launch, type Page } from 'puppeteer-core'
import { until } from '../browser/daemon.js'

/** Starts the machine's own Firefox, driven by WebDriver BiDi. */
export function firefox(): Promise<Browser> {
  return launch({ browser: 'firefox', executablePath: process.env.FIREFOX ?? '/usr/bin/firefox', headless: true })
}

/** What `window.keyturn.status()` says, as far as these tests look. */
export interface Status {
  socket: string
  key: string | null
  token: { key: string | null } | null
  counters: Record<string, number>
}

interface Client { keyturn: { status(): Status, signedIn(): Promise<void>, logout(): Promise<void> } }

/** One tab, with what went wrong in it. */
export class Tab {
  /** Status and path of what was refused; streams apart. */
  readonly refused: string[] = []
  readonly errors: string[] = []
  refreshes = 0

  private constructor(readonly page: Page) {
    page.on('pageerror', (error) => {
      // Firefox itself reports a socket that is refused; no script can keep it from that.
      if (!String(error).includes('establish a connection')) this.errors.push(String(error))
    })
    page.on('request', (request) => { if (new URL(request.url()).pathname === '/auth/refresh') this.refreshes++ })
    page.on('response', (response) => {
      const { pathname } = new URL(response.url())
      // Firefox tells of a stream that a proxy refuses as of any other answer, whenever the client has tried one.
      if (response.status() >= 400 && pathname !== '/v1/stream') this.refused.push(`${response.status()} ${pathname}`)
    })
  }

  static async open(browser: Browser, url: string): Promise<Tab> {
    const tab = new Tab(await browser.newPage())
    await tab.page.goto(url)
    return tab
  }

  /** Counts from here on: who is not signed in yet is told so by a 401. */
  restart(): void {
    this.refused.length = this.errors.length = this.refreshes = 0
  }

  status(): Promise<Status> {
    return this.page.evaluate(() => (window as unknown as Client).keyturn.status())
  }

  /** Waits until the client says so of itself. */
  async shows(what: string, holds: (now: Status) => boolean): Promise<void> {
    await until(async () => holds(await this.status()), what)
  }

  async signIn(name: string, ...roles: string[]): Promise<void> {
    await this.page.evaluate(async (who) => {
      const answer = await fetch('/auth/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(who) })
      if (!answer.ok) throw new Error(`sign in: ${answer.status}`)
      await (window as unknown as Client).keyturn.signedIn()
    }, { sub: name, roles })
  }

  async signOut(): Promise<void> {
    await this.page.evaluate(() => (window as unknown as Client).keyturn.logout())
  }

  /** One call of the page's own fetch; resolves with the status that the app sees. */
  call(path: string): Promise<number> {
    return this.page.evaluate(async (p) => (await fetch(p)).status, path)
  }
}
