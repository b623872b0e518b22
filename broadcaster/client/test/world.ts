/**
 * A world in virtual time: one machine, its browsers with their tabs, and a server that signs, verifies and
 * broadcasts. Nothing in it waits for real time; run() moves the clock from one timer to the next and lets
 * everything that has become possible happen in between.
 */
import type { ChannelLike, Scope, StorageLike } from '../src/scope'
import type { Keyturn, Options } from '../src/keyturn'
import { createKeyturn } from '../src/keyturn'
import { Locks } from './locks'
import { Server } from './server'
import type { FakeStream } from './wires'
import { FakeSocket } from './wires'

interface Job {
  readonly at: number
  readonly id: number
  readonly run: () => void
}

/** Lets promises, and the streams that bodies are read from, settle. */
async function settle(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve))
}

export class World {
  /** Unix ms of a right clock; the server's. */
  now = 1_795_304_374_000
  readonly server = new Server(this)
  private jobs: Job[] = []
  private lastJob = 0
  private seed: number

  constructor(seed = 1) {
    this.seed = seed
  }

  /** The same sequence for the same seed. */
  random = (): number => {
    this.seed = (Math.imul(this.seed, 1664525) + 1013904223) >>> 0
    return this.seed / 2 ** 32
  }

  after(ms: number, run: () => void): number {
    const id = ++this.lastJob
    this.jobs.push({ at: this.now + Math.max(ms, 0), id, run })
    return id
  }

  cancel(id: number): void {
    this.jobs = this.jobs.filter((job) => job.id !== id)
  }

  /** Moves time on by ms. */
  async run(ms: number): Promise<void> {
    const end = this.now + ms
    await settle()
    for (;;) {
      this.jobs.sort((a, b) => a.at - b.at || a.id - b.id)
      const next = this.jobs[0]
      if (!next || next.at > end) break
      this.jobs.shift()
      this.now = Math.max(this.now, next.at)
      next.run()
      await settle()
    }
    this.now = end
  }

  /** The machine sleeps: time passes, and no timer fires until it wakes. */
  async sleep(ms: number, browser: Browser): Promise<void> {
    browser.slept += ms
    for (const tab of browser.tabs) for (const socket of [...tab.sockets, ...tab.streams]) socket.cut = true
    this.jobs = this.jobs.map((job) => ({ ...job, at: job.at + ms }))
    this.now += ms
    await settle()
  }

  browser(options: Partial<BrowserOptions> = {}): Browser {
    return new Browser(this, { locks: true, channel: true, storage: true, full: false, ...options })
  }
}

export interface BrowserOptions {
  readonly locks: boolean
  readonly channel: boolean
  readonly storage: boolean
  /** Storage can be read, and takes nothing more. */
  readonly full: boolean
}

/** Storage as a browser has it; throws where the user switched it off. */
class Store implements StorageLike {
  readonly items = new Map<string, string>()
  getItem = (key: string): string | null => this.items.get(key) ?? null
  setItem = (key: string, value: string): void => void this.items.set(key, value)
  removeItem = (key: string): void => void this.items.delete(key)
}

/** One user's browser: what its tabs share. */
export class Browser {
  readonly tabs: Tab[] = []
  readonly locks = new Locks()
  readonly local = new Store()
  /** key: channel name */
  readonly channels = new Map<string, { port: ChannelLike; tab: Tab }[]>()
  /** Cookies that pages can see. key: name. */
  readonly jar = new Map<string, string>()
  /** Whose session cookie it holds; null: none. */
  cookie: string | null = 'alice'
  /** How far this machine's clock is off, in ms. */
  skew = 0
  slept = 0

  constructor(readonly world: World, readonly options: BrowserOptions) {}

  tab(href?: string): Tab {
    const tab = new Tab(this, href)
    this.tabs.push(tab)
    return tab
  }

  /** A page that has just started a client. */
  open(options: Options = {}): Tab {
    return this.tab().start(options)
  }
}

/** An address as a page has it. */
export class FakeLocation {
  readonly #url: URL
  /** Where the page has been sent, in order. */
  readonly gone: string[] = []

  constructor(href: string) {
    this.#url = new URL(href)
  }

  get href(): string { return this.#url.href }
  get origin(): string { return this.#url.origin }
  get pathname(): string { return this.#url.pathname }
  get search(): string { return this.#url.search }
  get hash(): string { return this.#url.hash }
  assign = (url: string): void => void this.gone.push(new URL(url, this.#url).href)
  replace = this.assign
  /** As history.replaceState does it. */
  show(url: string): void {
    this.#url.href = new URL(url, this.#url).href
  }
}

/** A hidden frame of a page. */
export class FakeFrame {
  src = ''
  readonly style = { cssText: '' }
  onload: ((event: any) => void) | null = null
  contentWindow: object | null = null
  removed = false

  constructor(readonly tab: Tab) {}

  /** It is on the page now, and loads. */
  attached(): void {
    this.contentWindow = { of: this }
    this.tab.frames.push(this)
    this.tab.framed(this)
  }

  remove(): void {
    this.removed = true
    this.contentWindow = null
  }

  /** Loads after ms milliseconds. */
  loads(ms = 20): this {
    this.tab.world.after(ms, () => this.removed || this.onload?.({}))
    return this
  }

  /** Posts the outcome of a sign-in after ms milliseconds. */
  says(outcome: object, ms = 20, from: object = {}): this {
    this.tab.world.after(ms, () => this.tab.fire('message', {
      source: this.contentWindow, origin: new URL(this.src).origin, data: { source: 'keyturn', type: 'signin', ok: false, error: '', ...outcome }, ...from,
    }))
    return this
  }
}

/** A stream of events ends with the signal of its request; other bodies have come as a whole. */
function abortable(answer: Response, signal: AbortSignal): Response {
  const { body, status, headers } = answer
  if (headers.get('content-type') !== 'text/event-stream' || !body) return answer
  return new Response(body.pipeThrough(new TransformStream(), { signal }), { status, headers })
}

/** One page. */
export class Tab {
  readonly world: World
  readonly sockets: FakeSocket[] = []
  readonly streams: FakeStream[] = []
  /** The tab's own storage; a page that is loaded in its place has it too. */
  session = new Store()
  readonly lines: string[] = []
  /** Where the page is; a navigation is only noted, since a page that is left runs on until it is gone. */
  readonly address: FakeLocation
  /** Whether a navigation that was asked for has been stopped. */
  stopped = 0
  /** Hidden frames, those that are gone included. */
  readonly frames: FakeFrame[] = []
  /** What a hidden frame that loads its address comes to. */
  framed: (frame: FakeFrame) => void = () => {}
  /** All requests that left, as `METHOD path`, with the kid of the token they carried. */
  readonly calls: string[] = []
  /** Their addresses. */
  readonly urls: string[] = []
  /** How long a frame takes to get here. */
  wireMs = 5
  hidden = false
  online = true
  /** Another page shows this one in a frame. */
  within = false
  /** A frozen page's timers and messages do not run. */
  frozen = false
  keyturn!: Keyturn
  private readonly listeners: Record<string, ((event: any) => void)[]> = {}

  constructor(readonly browser: Browser, href = 'https://app.example.com/page') {
    this.world = browser.world
    this.address = new FakeLocation(href)
  }

  start(options: Options = {}): this {
    this.keyturn = createKeyturn({ ring: 'payments', origins: 'https://api.example.com', ...options }, this.scope())
    return this
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1)!
  }

  /** The page that is loaded in place of this one: the tab's storage is there, nothing else. */
  load(href: string): Tab {
    const next = this.browser.tab(new URL(href, this.address.href).href)
    next.session = this.session
    this.fire('pagehide', { persisted: false })
    this.frozen = true
    return next
  }

  fire(name: string, event: object = {}): void {
    if (name === 'offline') this.online = false
    if (name === 'online') this.online = true
    for (const job of this.listeners[name] ?? []) job(event)
  }

  show(visible: boolean): void {
    this.hidden = !visible
    this.fire('visibilitychange')
  }

  /** How often the refresh endpoint was asked. */
  get refreshes(): number {
    return this.calls.filter((call) => call.startsWith('POST /auth/refresh')).length
  }

  said(part: string): number {
    return this.lines.filter((line) => line.includes(part)).length
  }

  api(path = '/reports', init: Parameters<Keyturn['fetch']>[1] = {}): Promise<Response> {
    return this.keyturn.fetch(`https://api.example.com${path}`, init)
  }

  /** The window that a client of this page gets. */
  scope(): Scope {
    const tab = this
    const { world, browser } = tab
    const listen = (name: string, job: (event: any) => void, { signal, once }: { signal?: AbortSignal; once?: boolean } = {}): void => {
      const off = (): unknown => (tab.listeners[name] = tab.listeners[name]!.filter((one) => one !== heard))
      const heard = (event: any): void => {
        if (once) off()
        job(event)
      }
      ;(tab.listeners[name] ??= []).push(heard)
      signal?.addEventListener('abort', off)
    }
    const storage = (store: Store): StorageLike => {
      if (!browser.options.storage) throw new DOMException('storage is switched off', 'SecurityError')
      return browser.options.full ? { ...store, setItem: () => { throw new DOMException('full', 'QuotaExceededError') } } : store
    }
    const line = (text: string): void => void tab.lines.push(text)
    return {
      fetch: ((input: Request | string, init?: RequestInit) => tab.fetch(input, init)) as typeof fetch,
      setTimeout: (job, ms) => world.after(ms, () => (tab.frozen ? undefined : job())),
      clearTimeout: (id: number) => world.cancel(id),
      Date: { now: () => world.now + browser.skew },
      performance: { now: () => world.now - browser.slept },
      Math: { random: world.random },
      WebSocket: class extends FakeSocket {
        constructor(url: string, protocols: string[]) {
          super(tab, url, protocols)
          tab.sockets.push(this)
          world.server.connect(this)
        }
      },
      ...(browser.options.channel && {
        BroadcastChannel: class implements ChannelLike {
          onmessage: ((event: any) => void) | null = null
          private readonly members: { port: ChannelLike; tab: Tab }[]
          constructor(name: string) {
            this.members = browser.channels.get(name) ?? []
            browser.channels.set(name, this.members)
            this.members.push({ port: this, tab })
          }
          postMessage(message: unknown): void {
            const data: unknown = structuredClone(message)
            for (const other of this.members) {
              if (other.port !== this) world.after(1, () => (other.tab.frozen ? undefined : other.port.onmessage?.({ data })))
            }
          }
        },
      }),
      navigator: {
        get onLine() {
          return tab.online
        },
        locks: browser.options.locks ? browser.locks : undefined,
      },
      get localStorage() {
        return storage(browser.local)
      },
      get sessionStorage() {
        return storage(tab.session)
      },
      document: {
        baseURI: 'https://app.example.com/page',
        get visibilityState() {
          return tab.hidden ? 'hidden' : 'visible'
        },
        addEventListener: listen,
        get cookie() {
          return [...browser.jar].map(([name, value]) => `${name}=${value}`).join('; ')
        },
        set cookie(text: string) {
          const [, name, value, age] = /^([^=]+)=([^;]*);max-age=(\d+)/.exec(text)!
          if (+age!) browser.jar.set(name!, value!)
          else browser.jar.delete(name!)
        },
        createElement: () => new FakeFrame(tab),
        body: { append: (frame: FakeFrame) => frame.attached() },
      },
      location: tab.address,
      self: tab,
      top: tab.within ? {} : tab,
      history: { state: null, replaceState: (_state, _unused, url) => tab.address.show(url) },
      stop: () => void tab.stopped++,
      addEventListener: listen,
      console: { info: line, warn: line, debug: line },
    }
  }

  private async fetch(input: Request | string, init?: RequestInit): Promise<Response> {
    const request = input instanceof Request ? input : new Request(new URL(input, 'https://app.example.com'), init)
    const { signal } = request
    signal.throwIfAborted()
    const { pathname } = new URL(request.url)
    this.calls.push(`${request.method} ${pathname}`)
    this.urls.push(request.url)
    const body = request.body ? await request.text() : ''
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      this.world.server.answer(this, request, body).then((answer) => resolve(abortable(answer, signal)), reject)
    })
  }
}
