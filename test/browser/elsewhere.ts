import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'

/** A page of somebody else on this machine: the same server is of another site by its name, and of the app's own site by its address. */
export class Elsewhere {
  private server: Server | undefined
  private port = 0
  /** Paths that were asked for. */
  readonly asked: string[] = []

  async start(): Promise<this> {
    this.server = createServer((request, response) => {
      this.asked.push(request.url ?? '')
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
      response.end('<!doctype html><html lang="en"><meta charset="utf-8"><title>Elsewhere</title><h1>Elsewhere</h1></html>')
    })
    await new Promise<void>((resolve) => this.server!.listen(0, '127.0.0.1', resolve))
    this.port = (this.server.address() as AddressInfo).port
    return this
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server!.close(resolve))
    this.server!.closeAllConnections()
    await closed
  }

  /** cross-site: its cookies are not the app's. same-site: the app's cookies go with its requests, strict ones, too. */
  origin(site: 'cross-site' | 'same-site'): string {
    return `http://${site === 'cross-site' ? 'localhost' : '127.0.0.1'}:${this.port}`
  }
}

/** What a page asked of a server, and what it answered: `METHOD path status code`; the code is that of a problem document. */
export function answers(page: Page, origin: string): string[] {
  const got: string[] = []
  page.on('response', (r) => {
    const url = new URL(r.url())
    if (url.origin !== origin || /favicon/.test(url.pathname)) return
    const line = `${r.request().method()} ${url.pathname} ${r.status()}`
    got.push(line)
    const i = got.length - 1
    if (r.headers()['content-type'] !== 'application/problem+json') return
    r.json().then((problem: { code: string }) => { got[i] = `${line} ${problem.code}` }, () => {}) // a page that is gone has no bodies
  })
  return got
}
