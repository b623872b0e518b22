import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'

const origin = 'https://notice.test'
/** The package as it is shipped, or a trial build of it. */
const shipped = process.env.KEYTURN_CLIENT ?? fileURLToPath(new URL('../../../broadcaster/client/dist', import.meta.url))
const file = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Scripts from the page's own origin, no style of its own, no string that becomes code or markup. */
const policy = "default-src 'none'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'; form-action 'self'"

/** What the page is made of. */
export interface Setting {
  /** The page's language. Default en. */
  lang?: string
  /** Options of the notice, as far as they are data. */
  options?: object
  /** What the manager says about its settings. */
  settings?: object
  /** The app's own answer to "would something be lost?". */
  dirty?: boolean | undefined
  /** The app's own markup. */
  body?: string
}

/** The screens that everything is shown on. */
export const screens = {
  light: { colorScheme: 'light', viewport: { width: 1000, height: 760 } },
  dark: { colorScheme: 'dark', viewport: { width: 1000, height: 760 } },
  phone: { colorScheme: 'light', viewport: { width: 360, height: 740 }, hasTouch: true },
} as const satisfies Record<string, BrowserContextOptions>

/** An episode, as the manager tells of it. */
export interface Told {
  id: number
  phase: 'open' | 'recovered' | 'failed' | 'denied' | 'over'
  noticeable?: boolean
  failures?: number
  outdated?: boolean
  message?: string
}

interface InPage {
  calls: string[]
  emit(episode: Told): void
  resolve(): void
  reject(message: string): void
  vanish(): void
  unmount(): void
}

/** A page with the notice mounted on it. */
export class NoticePage {
  /** What the browser forbade, and what threw. */
  readonly trouble: string[] = []
  /** The newest episode that a state was reached by. */
  private latest = 0

  private constructor(readonly page: Page) {
    page.on('pageerror', (error) => this.trouble.push(error.message))
    page.on('console', (line) => { if (line.type() === 'error') this.trouble.push(line.text()) })
  }

  /** Opens the page in a context; the notice comes from the package as it is shipped. */
  static async open(context: BrowserContext, setting: Setting = {}): Promise<NoticePage> {
    const { lang = 'en', body = '', ...rest } = setting
    const page = await context.newPage()
    const opened = new NoticePage(page)
    const meta = JSON.stringify(rest).replaceAll('&', '&amp;').replaceAll('"', '&quot;')
    const html = `<!doctype html><html lang="${lang}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>An app</title><meta name="stage" content="${meta}">
<main><h1>An app</h1><p>Its own text.</p><button id="own">Its own button</button>${body}</main><script type="module" src="/page.js"></script></html>`
    await page.route(`${origin}/**`, async (route) => {
      const { pathname } = new URL(route.request().url())
      if (pathname === '/page.js') await route.fulfill({ contentType: 'text/javascript', body: file('page.js') })
      else if (pathname.endsWith('.js')) await route.fulfill({ contentType: 'text/javascript', body: readFileSync(join(shipped, pathname), 'utf8') })
      else await route.fulfill({ contentType: 'text/html', body: html, headers: { 'content-security-policy': policy } })
    })
    await page.goto(`${origin}/`)
    await page.waitForFunction(() => 'stage' in window)
    return opened
  }

  get host(): Locator { return this.page.locator('keyturn-notice') }

  /** The panel, when it looks like this. */
  view(view: string): Locator { return this.page.locator(`keyturn-notice section[data-view=${view}]`) }

  button(name: string): Locator { return this.page.getByRole('button', { name, exact: true }) }

  async emit(episode: Told): Promise<void> {
    await this.page.evaluate((e) => { (window as unknown as { stage: InPage }).stage.emit(e) }, episode)
  }

  /** Tells of an episode that nobody has heard of; the first one is 1. */
  anew(phase: Told['phase'], more: Partial<Told> = {}): Promise<void> {
    return this.emit({ id: ++this.latest, phase, ...more })
  }

  /** Takes the notice away, as if the user had signed out. */
  async clear(): Promise<void> {
    await this.emit({ id: this.latest, phase: 'over' })
    await this.host.waitFor({ state: 'detached' })
  }

  async resolve(): Promise<void> {
    await this.page.evaluate(() => { (window as unknown as { stage: InPage }).stage.resolve() })
  }

  async reject(message: string): Promise<void> {
    await this.page.evaluate((m) => { (window as unknown as { stage: InPage }).stage.reject(m) }, message)
  }

  /** Stops the page's clock: from here on time passes by `page.clock` alone. */
  async stopClock(): Promise<void> {
    await this.page.clock.install()
    await this.page.clock.pauseAt(Date.now() + 60_000)
  }

  /** Listens between the windows, after the notice; what it returns waits until this word has come by. */
  async hears(word: string): Promise<() => Promise<void>> {
    await this.page.evaluate((w) => {
      const channel = new BroadcastChannel('keyturn:notice')
      channel.onmessage = ({ data }) => { if (data === w) Object.assign(window, { heard: true }) }
    }, word)
    return async () => { await this.page.waitForFunction(() => 'heard' in window) }
  }

  async vanish(): Promise<void> {
    await this.page.evaluate(() => { (window as unknown as { stage: InPage }).stage.vanish() })
  }

  async unmount(): Promise<void> {
    await this.page.evaluate(() => { (window as unknown as { stage: InPage }).stage.unmount() })
  }

  calls(): Promise<string[]> {
    return this.page.evaluate(() => (window as unknown as { stage: InPage }).stage.calls)
  }

  /** Colours are judged as they stay, not half-way through their entrance. */
  async still(): Promise<void> {
    await this.page.evaluate(async () => {
      const panel = document.querySelector('keyturn-notice')!.shadowRoot!.querySelector('section')!
      await Promise.all(panel.getAnimations().map((animation) => animation.finished))
    })
  }

  /** What axe finds in the notice, or on the whole page, as `rule: element`; fails where it has found nothing to judge. */
  async findings(where = 'keyturn-notice'): Promise<string[]> {
    await this.still()
    if (!await this.page.evaluate(() => 'axe' in window)) await this.page.evaluate(axe)
    return await this.page.evaluate(async (selector) => {
      interface Finding { id: string, nodes: { target: unknown, failureSummary: string }[] }
      const { axe } = window as unknown as { axe: { run(where: string): Promise<{ violations: Finding[], passes: Finding[] }> } }
      const { violations, passes } = await axe.run(selector)
      const judged = passes.some(({ id, nodes }) => id === 'color-contrast' && JSON.stringify(nodes.map((n) => n.target)).includes('keyturn-notice'))
      if (!judged) return ['no colour of the notice was judged']
      return violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${JSON.stringify(n.target)} ${n.failureSummary}`))
    }, where)
  }
}

/** key: state of the notice; value: how to get there. */
export const states: Readonly<Record<string, (on: NoticePage) => Promise<void>>> = {
  warning: async (on) => {
    await on.anew('failed')
    await on.view('warning').waitFor()
  },
  information: async (on) => {
    await on.anew('failed')
    await on.page.locator('keyturn-notice [aria-expanded=false]').click()
    await on.page.locator('keyturn-notice [aria-expanded=true]').waitFor()
  },
  refreshing: async (on) => {
    await on.anew('failed')
    await on.page.locator('keyturn-notice .refresh').click()
    await on.view('refreshing').waitFor()
  },
  success: async (on) => {
    await on.anew('recovered')
    await on.view('success').waitFor()
  },
  failed: async (on) => {
    await states.refreshing!(on)
    await on.reject('refresh: the server answered 500')
    await on.view('failed').waitFor()
  },
  hard: async (on) => {
    await on.anew('failed', { failures: 2 })
    await on.view('hard').waitFor()
  },
  unsaved: async (on) => {
    await on.anew('failed', { failures: 2 })
    await on.page.fill('#own-field', 'half a letter')
    await on.page.locator('keyturn-notice .hard').click()
    await on.page.locator('keyturn-notice .box').waitFor()
  },
  denied: async (on) => {
    await on.anew('denied')
    await on.view('denied').waitFor()
  },
}
