import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { until } from './daemon.js'

interface Answer {
  id?: number
  sessionId?: string
  method?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { message: string }
}

/**
 * A Chromium as people have it, driven over its pipe. Playwright starts browsers without back-forward cache, timer
 * throttling and freezing, and tells each page that it has the focus: what those do can't be seen with it.
 */
export class Chromium {
  private readonly dir = mkdtempSync(join(tmpdir(), 'keyturn-chromium-'))
  private readonly child: ChildProcess
  private readonly waiting = new Map<number, (answer: Answer) => void>()
  private readonly tabs = new Map<string, Tab>()
  private last = 0

  constructor() {
    this.child = spawn(process.env.CHROMIUM ?? '/usr/bin/chromium', [
      '--headless=new', '--remote-debugging-pipe', `--user-data-dir=${this.dir}`, '--no-sandbox', '--disable-gpu', '--disable-quic',
      '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', 'about:blank',
    ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
    let rest = ''
    ;(this.child.stdio[4] as Readable).setEncoding('utf8').on('data', (chunk: string) => {
      const messages = (rest + chunk).split('\0')
      rest = messages.pop() ?? ''
      for (const m of messages) this.heard(JSON.parse(m) as Answer)
    })
  }

  /** One command of the DevTools protocol; rejects with its error. */
  send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.last
    return new Promise((resolve, reject) => {
      this.waiting.set(id, ({ result = {}, error }) => {
        if (error) reject(new Error(`${method}: ${error.message}`))
        else resolve(result)
      })
      ;(this.child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
  }

  /** Opens a tab in the one window; it becomes the visible one. */
  async open(url: string, script = ''): Promise<Tab> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    const tab = new Tab(this, targetId as string, sessionId as string)
    this.tabs.set(tab.session, tab)
    await tab.send('Page.enable')
    await tab.send('Page.setLifecycleEventsEnabled', { enabled: true })
    await tab.send('Network.enable')
    if (script) await tab.send('Page.addScriptToEvaluateOnNewDocument', { source: script })
    await tab.go(url)
    return tab
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.child.once('close', resolve))
    this.send('Browser.close').catch(() => this.child.kill()) // it may be gone before it answers
    await closed
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 10 })
  }

  private heard(message: Answer): void {
    if (message.id !== undefined) {
      this.waiting.get(message.id)?.(message)
      this.waiting.delete(message.id)
    } else this.tabs.get(message.sessionId ?? '')?.heard(message.method ?? '', message.params ?? {})
  }
}

/** One tab. */
export class Tab {
  /** Addresses that were answered with 401 or 403. */
  readonly refused: string[] = []
  /** Ids of the documents that are loaded: a new tab's blank page may be so only after the next one was asked for. */
  private readonly loaded = new Set<string>()

  constructor(private readonly browser: Chromium, readonly target: string, readonly session: string) {}

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    return this.browser.send(method, params, this.session)
  }

  /** Evaluates an expression, and awaits what it gives. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }) as
      { result: { value: T }, exceptionDetails?: { exception?: { description?: string } } }
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'the page threw')
    return result.value
  }

  /** Navigates, and waits until the page is loaded. */
  async go(url: string): Promise<void> {
    const { loaderId } = await this.send('Page.navigate', { url })
    await until(() => this.loaded.has(loaderId as string), `${url} is loaded`)
  }

  /** Makes this tab the visible one. */
  async show(): Promise<void> {
    await this.browser.send('Target.activateTarget', { targetId: this.target })
  }

  heard(method: string, params: Record<string, unknown>): void {
    if (method === 'Page.lifecycleEvent' && params.name === 'load') this.loaded.add(params.loaderId as string)
    if (method === 'Network.responseReceived') {
      const { status, url } = params.response as { status: number, url: string }
      if (status === 401 || status === 403) this.refused.push(`${status} ${url}`)
    }
  }
}
