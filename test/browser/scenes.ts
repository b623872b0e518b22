import type { BrowserContext, Page } from 'playwright-core'
import { connected, moved, serveApp, signInto, visit, type Visit } from './app.js'
import type { AppStage } from './appstage.js'
import { until } from './daemon.js'
import { call, status } from './page.js'

/** What a console shows when something happens; key: the name by which a page's `log` block asks for it. */
export type Scenes = Readonly<Record<string, (stage: AppStage) => Promise<string[]>>>

interface Signed { socket?: boolean, tag?: string, roles?: string[], context?: BrowserContext }

/** A page of the app where alice is signed in, its console still empty. */
export async function app(stage: AppStage, { socket = true, tag = '', roles = ['user'], context }: Signed = {}): Promise<Visit> {
  stage.front.stream = socket ? 'socket' : 'none'
  serveApp(stage.front, '/app', { tag })
  const v = await visit(context ?? await stage.context(), `${stage.front.url}/app`)
  await signInto(v.page, 'alice', roles, socket)
  v.traffic.lines.length = 0
  return v
}

/** Drops the current key, as one that leaked: every token under it is refused from now on. */
export async function leak(stage: AppStage): Promise<void> {
  const { code, out } = await stage.daemon.run('rotate', 'demo', '--compromise')
  if (code !== 0) throw new Error(out)
}

/** Lets the refresh endpoint fail until the function that it returns is called. */
export function breakRefresh({ front }: AppStage): () => void {
  front.on('/auth/refresh', (c) => { c.reply(500, { 'content-type': 'application/problem+json' }, '{"title":"Internal Server Error"}') })
  return () => { front.on('/auth/refresh', undefined) }
}

/** Runs a function of the console's object in the page. */
const ask = (page: Page, name: string): Promise<unknown> =>
  page.evaluate(async (n) => { await (window as any).__dynamicAuthManager[n]().catch(() => {}) }, name)

async function calls(page: Page, path: string, status: number): Promise<void> {
  const got = await call(page, path)
  if (got !== status) throw new Error(`${path}: got ${got}, want ${status}`)
}

export const scenes: Scenes = {
  async rotation(stage) {
    const { page, traffic } = await app(stage)
    const before = await status(page)
    const { code, out } = await stage.daemon.run('rotate', 'demo')
    if (code !== 0) throw new Error(out)
    await moved(page, before)
    await until(() => traffic.lines.some((l) => l.includes('refreshed successfully')), 'the success is told')
    return traffic.lines
  },

  async tabs(stage) {
    const context = await stage.context()
    const one = await app(stage, { context })
    const two = await visit(context, `${stage.front.url}/app`)
    await connected(two.page)
    one.traffic.lines.length = two.traffic.lines.length = 0
    const before = await status(one.page)
    await leak(stage)
    await Promise.all([one, two].map(({ page }) => moved(page, before)))
    const adopted = (v: Visit): boolean => v.traffic.lines.some((l) => l.includes('adopted'))
    await until(() => adopted(one) || adopted(two), 'a tab has taken over the token of the other')
    return (adopted(one) ? one : two).traffic.lines
  },

  async refreshed(stage) {
    const { page, traffic } = await app(stage)
    await ask(page, 'refreshToken')
    return traffic.lines
  },

  async refused(stage) {
    const { page, traffic } = await app(stage, { socket: false })
    await leak(stage)
    await calls(page, '/api/hello', 200)
    return traffic.lines
  },

  async down(stage) {
    const { page, traffic } = await app(stage, { socket: false })
    breakRefresh(stage)
    await leak(stage)
    await calls(page, '/api/hello', 401)
    return traffic.lines
  },

  async granted(stage) {
    const { page, traffic } = await app(stage, { socket: false })
    await page.evaluate(() => fetch('/auth/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"sub":"alice","roles":["user","admin"]}' }))
    await calls(page, '/api/admin', 200)
    return traffic.lines
  },

  async three(stage) {
    const { page, traffic } = await app(stage, { socket: false })
    await page.evaluate(() => fetch('/auth/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"sub":"alice","roles":["user","admin"]}' }))
    // Refused at once, all three: one that is late would find the new token.
    let refused = 0
    let all = (): void => {}
    const there = new Promise<void>((resolve) => { all = resolve })
    stage.front.on('/api/admin', async (c) => {
      if (++refused === 3) all()
      await there
      await c.forward()
    })
    const got = await page.evaluate(async () => (await Promise.all([1, 2, 3].map(() => fetch('/api/admin')))).map((a) => a.status))
    if (got.join() !== '200,200,200') throw new Error(`three calls: got ${got.join()}`)
    return traffic.lines
  },

  async denied(stage) {
    const { page, traffic } = await app(stage)
    await calls(page, '/api/admin', 403)
    await calls(page, '/api/admin', 403)
    return traffic.lines
  },

  async loop(stage) {
    const { page, traffic } = await app(stage, { socket: false })
    // A service with another secret: it refuses each token, however new.
    stage.front.on('/api/hello', (c) => { c.reply(401, { 'www-authenticate': 'Bearer error="invalid_token"' }) })
    for (let i = 0; i < 3; i++) await calls(page, '/api/hello', 401)
    return traffic.lines
  },

  async budget(stage) {
    const { page, traffic } = await app(stage, { socket: false })
    // Each second token is refused, so that no two in a row are.
    let n = 0
    stage.front.on('/api/hello', (c) => (n++ % 2 ? c.reply(200) : c.reply(401, { 'www-authenticate': 'Bearer error="invalid_token"' })))
    for (let i = 0; i < 4; i++) await call(page, '/api/hello')
    return traffic.lines
  },

  async off(stage) {
    const { page, traffic } = await app(stage, { socket: false })
    await page.evaluate(() => { (window as any).__dynamicAuthManager.updateConfig({ autoRefreshOnError: false }) })
    await leak(stage)
    await calls(page, '/api/hello', 401)
    return traffic.lines
  },

  async attempted(stage) {
    const { page, traffic } = await app(stage)
    await page.evaluate(() => fetch('/api/admin', { _attemptedRefresh: true } as RequestInit))
    return traffic.lines
  },

  async session(stage) {
    const { page, traffic } = await app(stage)
    await page.context().clearCookies()
    await ask(page, 'refreshToken')
    return traffic.lines
  },

  async nobody(stage) {
    serveApp(stage.front)
    const { page, traffic } = await visit(await stage.context(), `${stage.front.url}/app`)
    await ask(page, 'getCurrentToken')
    return traffic.lines
  },

  async endpoint(stage) {
    serveApp(stage.front, '/app', { tag: 'data-refresh="/wrong/refresh"' })
    const { page, traffic } = await visit(await stage.context(), `${stage.front.url}/app`)
    await until(() => traffic.lines.some((l) => l.includes('the endpoint answered')), 'the first refresh has failed')
    await ask(page, 'checkConfiguration')
    return traffic.lines
  },

  async mismatch(stage) {
    const { page, traffic } = await app(stage)
    // What a server says of two verifiers of which one has another secret.
    const state = await status(page)
    stage.front.on('/auth/config-status', (c) => {
      c.reply(200, { 'content-type': 'application/json' }, JSON.stringify({
        ring: 'demo', kid: state.kid, pending: [], retiring: [], strong: true, match: false,
        verifiers: { reporting: 2, agreeing: 1 }, locked: [], version: '1',
      }))
    })
    await ask(page, 'checkConfiguration')
    return traffic.lines
  },

  async basepath(stage) {
    const { page, traffic } = await app(stage)
    await ask(page, 'checkConfiguration')
    return traffic.lines
  },

  async twice(stage) {
    stage.front.file('/second', 'text/html; charset=utf-8', `<!doctype html><script src="/keyturn.js"></script><script src="/keyturn.js"></script>`)
    const { traffic } = await visit(await stage.context(), `${stage.front.url}/second`)
    await until(() => traffic.lines.some((l) => l.includes('not started')), 'the second tag is told of')
    return traffic.lines
  },

  async hard(stage) {
    const { page, traffic } = await app(stage)
    await page.evaluate(() => { (window as any).old = true; void (window as any).__dynamicAuthManager.hardRefresh() })
    await until(async () => await page.evaluate(() => !('old' in window)).catch(() => false), 'the page is a new one')
    return traffic.lines
  },
}
