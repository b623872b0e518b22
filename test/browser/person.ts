import type { Browser, BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import { until } from './daemon.js'
import { status } from './page.js'

/** A line that a tab said, as the guide writes it: without marks and without what only some lines carry. */
const told = /\[(?:fetchWithAuth|Callback)\] .*|DynamicAuthManager: (?:Refreshing|Token refreshed).*/

/** A tab, with all that it said and where it went since it was opened, over all of its pages. */
export class Tab {
  /** Everything in the console. */
  readonly lines: string[] = []
  /** What went wrong in a page, and the console's errors but those about refused requests, which tests cause on purpose. */
  readonly errors: string[] = []
  /** Addresses of the pages that it showed, in order. */
  readonly visits: string[] = []
  /** Paths of the app's server that it asked for, by `METHOD path`. */
  readonly asked: string[] = []
  /** Statuses of the calls of protected APIs. */
  readonly answers: string[] = []
  /** How many hidden frames began a sign-in. */
  frames = 0

  constructor(readonly page: Page, private readonly person: Person) {
    page.on('console', (m) => {
      this.lines.push(m.text())
      if (m.type() === 'error' && !/^Failed to load resource/.test(m.text())) this.errors.push(m.text())
    })
    page.on('pageerror', (e) => this.errors.push(e.stack ?? e.message))
    page.on('framenavigated', (f) => { if (f === page.mainFrame()) this.visits.push(f.url()) })
    page.on('request', (r) => {
      person.addresses.push(r.url())
      const bearer = /^Bearer (.+)$/.exec(r.headers().authorization ?? '')?.[1]
      if (bearer) person.tokens.add(bearer)
      const url = new URL(r.url())
      if (url.origin !== person.app) return
      this.asked.push(`${r.method()} ${url.pathname}`)
      if (url.pathname === '/auth/login' && r.frame() !== page.mainFrame()) this.frames++
    })
    page.on('response', (r) => {
      const { pathname } = new URL(r.url())
      if (pathname.includes('/api/')) this.answers.push(`${r.status()} ${pathname}`)
    })
    page.on('websocket', (s) => person.addresses.push(s.url()))
  }

  /** The lines about refreshes and sign-ins so far. */
  get story(): string[] {
    return this.lines.flatMap((l) => told.exec(l)?.[0] ?? [])
  }

  /** Forgets what was said and done so far, so that a test sees what it causes. */
  restart(): void {
    for (const list of [this.lines, this.visits, this.asked, this.answers]) list.length = 0
    this.frames = 0
  }

  /** How often a path was asked for. */
  count(method: string, path: string): number {
    return this.asked.filter((a) => a === `${method} ${path}`).length
  }

  /** Full sign-ins that this tab went through: pages of the app that it left for the login. */
  get redirects(): number {
    return this.count('GET', '/auth/login') - this.frames
  }

  /** Opens a page of the app, by its path. */
  async open(path: string): Promise<void> {
    await this.page.goto(this.person.app + path)
  }

  /** Clicks what carries this test id; a click that navigates is not waited for. */
  async click(id: string): Promise<void> {
    await this.page.getByTestId(id).click({ noWaitAfter: true })
  }

  /**
   * Points at what carries this test id, and returns the click of the mouse. Unlike all else it reaches a page
   * that is being left for another, whose provider takes its time.
   */
  async pointAt(id: string): Promise<() => Promise<void>> {
    const { x, y, width, height } = (await this.page.getByTestId(id).boundingBox())!
    return () => this.page.mouse.click(x + width / 2, y + height / 2)
  }

  /** Waits until a page of the app is there at exactly this path, query and hash included, with a user and a connection. */
  async arrives(path: string, socket = true): Promise<void> {
    const there = (): boolean => this.page.url() === this.person.app + path
    await until(async () => {
      if (!there()) return false
      const now = await status(this.page).catch(() => undefined) // a page on its way has no client yet
      // A page that was being left has let the next one answer.
      return there() && !!now?.token && (!socket || (now.socket === 'open' && now.rev !== null))
    }, `${path} is there and signed in; last at ${this.visits.at(-1)}`)
  }

  /** The name of the person on the provider's page. */
  async loginAtProvider(name = this.person.name): Promise<void> {
    await this.page.getByTestId('idp-name').fill(name)
    await this.page.getByTestId('idp-login').click({ noWaitAfter: true })
  }

  /** Holds the callback page's request for a token, which comes before the page goes on. */
  async holdCallback(): Promise<{ arrived: Promise<void>, release: () => void }> {
    let here!: () => void
    let release!: () => void
    const arrived = new Promise<void>((resolve) => { here = resolve })
    const gate = new Promise<void>((resolve) => { release = resolve })
    await this.page.route('**/auth/refresh', async (route) => {
      if (new URL(this.page.url()).pathname === '/ui/callback') {
        here()
        await gate
      }
      await route.continue().catch(() => {}) // a page that is gone needs no answer
    })
    return { arrived, release }
  }

  /**
   * Keeps callback pages from here on that say why somebody has to sign in: they stay until the function that this
   * returns is called, instead of two seconds.
   */
  async holdReason(): Promise<() => Promise<void>> {
    await this.page.addInitScript(() => {
      if (location.pathname !== '/ui/callback') return
      const w = window as any
      const after = setTimeout
      w.setTimeout = (job: () => void, ms: number) => (ms === 2000 ? void (w.goOn = job) : after(job, ms))
    })
    return () => this.page.evaluate(() => { (window as any).goOn() })
  }

  /** The token in use, decoded in the page; null without one. */
  claims(): Promise<Claims | null> {
    return this.page.evaluate(() => (window as any).keyturn.decodeToken())
  }

  async roles(): Promise<string[] | undefined> {
    return (await this.claims())?.payload.roles
  }

  /** The state of the page's client. */
  status(): ReturnType<typeof status> {
    return status(this.page)
  }

  /** Marks the page, so that a navigation shows by the mark being gone. */
  async mark(): Promise<void> {
    await this.page.evaluate(() => { (window as any).marker = 'still here' })
  }

  async marked(): Promise<boolean> {
    return this.page.evaluate(() => (window as any).marker === 'still here')
  }

  /** What a page of the app keeps for the tab; null: nothing. */
  kept(key: string): Promise<string | null> {
    return this.page.evaluate((k) => sessionStorage.getItem(k), key)
  }
}

export interface Claims {
  header: { kid: string, alg: string }
  payload: { sub: string, roles: string[], iat: number, exp: number }
}

/** Somebody with a browser of their own. */
export class Person {
  /** Every token that went over the wire. */
  readonly tokens = new Set<string>()
  /** Every address that was asked for. */
  readonly addresses: string[] = []
  readonly tabs: Tab[] = []
  /** Console errors that a test causes on purpose. */
  expected: RegExp | undefined

  private constructor(readonly name: string, readonly app: string, readonly context: BrowserContext) {}

  static async arrive(name: string, app: string, browser: Browser): Promise<Person> {
    return new Person(name, app, await browser.newContext())
  }

  /** How tokens name the person. */
  get sub(): string { return `idp|${this.name}` }

  async tab(): Promise<Tab> {
    const tab = new Tab(await this.context.newPage(), this)
    this.tabs.push(tab)
    return tab
  }

  /** A tab in which the person has just signed in, by the app's button, and is on a page of the app. */
  async signedIn(path = '/ui/reports'): Promise<Tab> {
    const tab = await this.tab()
    await tab.open('/ui/reports')
    await tab.click('signin')
    await tab.loginAtProvider()
    await tab.arrives('/ui/reports')
    if (path !== '/ui/reports') {
      await tab.open(path)
      await tab.arrives(path)
    }
    tab.restart()
    return tab
  }

  /** A further tab of somebody who is signed in. */
  async another(path = '/ui/reports'): Promise<Tab> {
    const tab = await this.tab()
    await tab.open(path)
    await tab.arrives(path)
    tab.restart()
    return tab
  }

  /** Closes the browser, having seen that nothing went wrong in it and no token is where none belongs. */
  async leave(): Promise<void> {
    try {
      const stored: string[] = []
      // Where tokens are kept from scripts they come and go in a cookie.
      for (const { name, value } of await this.context.cookies()) if (name.endsWith('auth_token') && value) this.tokens.add(value)
      for (const { page } of this.tabs) {
        if (page.isClosed() || !page.url().startsWith(this.app)) continue
        const token = await page.evaluate(() => (window as any).keyturn?.getCurrentToken?.()).catch(() => null)
        if (token) this.tokens.add(token)
        stored.push(await page.evaluate(() => JSON.stringify([
          ...['localStorage', 'sessionStorage'].map((name) => {
            try {
              return { ...(window as any)[name] }
            } catch {
              return null // switched off
            }
          }),
          document.cookie, location.href, history.state, document.documentElement.outerHTML,
        ])))
      }
      const said = [...this.tabs.flatMap((t) => t.lines), ...this.addresses, ...stored].join('\n')
      // Any third of a token would do harm, and so would any other token.
      for (const token of this.tokens) expect(said).not.toContain(token.split('.')[2])
      expect(said).not.toMatch(/eyJ[\w-]{10,}\.eyJ/)
      const errors = this.tabs.flatMap((t) => t.errors).filter((e) => !this.expected?.test(e))
      expect(errors).toEqual([])
    } finally {
      await this.context.close()
    }
  }
}
