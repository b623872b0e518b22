import type { BrowserContext, Page } from 'playwright-core'
import { Traffic } from './chromium.js'
import { until } from './daemon.js'
import type { Front } from './front.js'
import { type PageStatus, status } from './page.js'

/** How an app's page takes the client in. */
export interface AppOptions {
  /** Attributes of the script tag besides ring and origins. */
  tag?: string
  /** Response headers besides the policy. */
  headers?: Record<string, string>
  /** Scripts of the page, by path. */
  scripts?: readonly string[]
}

/**
 * The strictest policy under which an app can run: its own scripts, calls and sockets, no inline style, and no text
 * that becomes markup or script.
 */
export function policy(front: Front): string {
  return [
    "default-src 'none'", "script-src 'self'", `connect-src 'self' ${front.url.replace('http', 'ws')}`, "style-src 'self'", "img-src 'self'",
    "worker-src 'self'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
  ].join('; ')
}

/** Serves an app of one page at a path: a tag, a form, nothing else. */
export function serveApp(front: Front, path = '/app', { tag = '', headers = {}, scripts = [] }: AppOptions = {}): void {
  front.file('/favicon.ico', 'image/x-icon', '')
  front.file(path, 'text/html; charset=utf-8', `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>An app</title>
<script src="/keyturn.js" data-ring="demo" data-origins="self" ${tag}></script>
${scripts.map((s) => `<script src="${s}"></script>`).join('\n')}
<main><h1>An app</h1><form><label>Notes <textarea></textarea></label></form><button id="behind">Behind</button></main>
</html>`, { 'content-security-policy': policy(front), ...headers })
}

/** A page of the app with what it said and asked for. */
export interface Visit {
  page: Page
  traffic: Traffic
}

/** Opens a page of the app. Violations of its policy come as page errors. */
export async function visit(context: BrowserContext, url: string): Promise<Visit> {
  const page = await context.newPage()
  const traffic = new Traffic(page)
  await page.goto(url)
  return { page, traffic }
}

/** Signs in as the app would: a call of its own, then a word to the client. */
export async function signInto(page: Page, name: string, roles: string[] = ['user'], socket = true): Promise<void> {
  await page.evaluate(async (who) => {
    const answer = await fetch('/auth/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(who) })
    if (!answer.ok) throw new Error(`sign in: ${answer.status}`)
    await (window as unknown as { keyturn: { signedIn(): Promise<void> } }).keyturn.signedIn()
  }, { sub: name, roles })
  await connected(page, socket)
}

/** Waits until a page holds a token, and with socket until it knows the ring's state. */
export async function connected(page: Page, socket = true): Promise<PageStatus> {
  let now: PageStatus | undefined
  await until(async () => {
    now = await status(page)
    return now.token !== null && (!socket || (now.socket === 'open' && now.rev !== null))
  }, 'the page is signed in and connected')
  return now!
}

/** Waits until a page holds a token under the ring's current key, and that is another than before. */
export async function moved(page: Page, before: PageStatus): Promise<PageStatus> {
  let now: PageStatus | undefined
  await until(async () => {
    now = await status(page)
    return now.token !== null && now.token.key === now.key && now.key !== before.key
  }, 'the page holds a token under the new key')
  return now!
}
