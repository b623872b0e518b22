import { createServer, type IncomingMessage, request as ask, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'

/** A request on its way to the daemon. */
export interface Call {
  readonly method: string
  readonly path: string
  readonly request: IncomingMessage
  readonly body: Buffer
  /** Answers in the daemon's place. */
  reply(status: number, headers?: Record<string, string>, body?: string): void
  /** Hands it on; resolves with the status once the daemon's answer has been passed back. */
  forward(): Promise<number>
}
export type Handler = (call: Call) => void | Promise<void>

/** One request that came by. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly body: string
  readonly authorization: string | undefined
  /** 0 until the page is told. */
  status: number
  /** The answer is over, or the page has gone. */
  ended: boolean
}

/**
 * A server in front of the daemon, which browsers take for the app's own: it serves the tests' pages, hands
 * everything else on, WebSockets too, and does harm where a test wants it. Unlike interception by Playwright it
 * leaves the browser's caches, workers and sockets as they are.
 */
export class Front {
  url = ''
  /** What it lets through to the stream: any way; events only, as a proxy that knows no WebSocket; or nothing. */
  stream: 'socket' | 'events' | 'none' = 'socket'
  readonly seen: Seen[] = []
  private readonly handlers = new Map<string, Handler>()
  private readonly server: Server
  private readonly open = new Set<Duplex>()
  /** key: a page's end of a WebSocket; value: the daemon's end. */
  private readonly far = new WeakMap<Duplex, Duplex>()

  constructor(private readonly daemon: string) {
    this.server = createServer((request, response) => { void this.serve(request, response) })
    this.server.on('upgrade', (request, socket, head) => { this.upgrade(request, socket, head) })
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
    return this
  }

  async close(): Promise<void> {
    this.cut()
    const closed = new Promise((resolve) => this.server.close(resolve))
    this.server.closeAllConnections() // after close, so that none comes meanwhile
    await closed
  }

  /** Lets a handler answer a path from here on; undefined gives it back to the daemon. */
  on(path: string, handler: Handler | undefined): void {
    if (handler) this.handlers.set(path, handler)
    else this.handlers.delete(path)
  }

  /** Serves one file of the app. */
  file(path: string, type: string, body: string, headers: Record<string, string> = {}): void {
    this.on(path, (call) => { call.reply(200, { 'content-type': type, 'cache-control': 'no-cache', ...headers }, body) })
  }

  /** Cuts all WebSockets without a word. */
  cut(): void {
    for (const socket of this.open) socket.destroy()
  }

  /** Lets the open WebSockets be, and passes nothing on any more: what a connection is after a long sleep. */
  deafen(): void {
    for (const socket of this.open) {
      const far = this.far.get(socket)
      if (!far) continue
      socket.unpipe().resume()
      far.unpipe().resume()
    }
  }

  /** Requests of one path so far. */
  of(path: string): Seen[] {
    return this.seen.filter((s) => s.path === path)
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      return // the page has gone in the midst of its request
    }
    const body = Buffer.concat(chunks)
    const path = new URL(request.url ?? '/', this.url).pathname
    const seen: Seen = {
      method: request.method ?? '', path, body: body.toString('latin1'), authorization: request.headers.authorization, status: 0, ended: false,
    }
    response.on('close', () => { seen.ended = true })
    this.seen.push(seen)
    const call: Call = {
      method: seen.method, path, request, body,
      reply: (status, headers = {}, text = '') => {
        seen.status = status
        response.writeHead(status, headers).end(text)
      },
      forward: () => this.forward(request, body, response, seen),
    }
    if (path === '/v1/stream' && this.stream === 'none') call.reply(502)
    else await (this.handlers.get(path) ?? ((c) => c.forward()))(call)
  }

  private forward(request: IncomingMessage, body: Buffer, response: ServerResponse, seen: Seen): Promise<number> {
    return new Promise((resolve) => {
      const up = ask(this.daemon + (request.url ?? '/'), { method: request.method, headers: this.headers(request) }, (answer) => {
        // Before the page has it: whoever hears of its answer from the page finds the status here.
        seen.status = answer.statusCode ?? 502
        response.writeHead(seen.status, answer.headers)
        answer.pipe(response)
        answer.on('end', () => { resolve(seen.status) })
        answer.on('error', () => { response.destroy() })
      })
      up.on('error', () => {
        if (!response.headersSent) {
          seen.status = 502
          response.writeHead(502).end()
        }
        resolve(502)
      })
      response.on('close', () => { if (!response.writableFinished) up.destroy() })
      up.end(body)
    })
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {}) // a page that goes away takes its socket along
    this.open.add(socket)
    socket.on('close', () => { this.open.delete(socket) })
    if (this.stream !== 'socket') {
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n')
      return
    }
    const up = ask(this.daemon + (request.url ?? '/'), { headers: this.headers(request) })
    up.on('upgrade', (answer, far, rest) => {
      far.on('error', () => {})
      if (socket.destroyed) return void far.destroy() // cut, or left by its page, meanwhile
      const lines = answer.rawHeaders.flatMap((name, i, all) => (i % 2 ? [] : [`${name}: ${all[i + 1]}`]))
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`)
      socket.write(rest)
      far.write(head)
      socket.pipe(far).pipe(socket)
      this.far.set(socket, far)
      const gone = (): void => {
        socket.destroy()
        far.destroy()
      }
      for (const end of [socket, far]) end.on('close', gone).on('error', gone)
    })
    up.on('response', (answer) => { socket.end(`HTTP/1.1 ${answer.statusCode} Refused\r\nConnection: close\r\n\r\n`) })
    up.on('error', () => { socket.destroy() })
    up.end()
  }

  /** The daemon admits its own origin only. */
  private headers(request: IncomingMessage): NodeJS.Dict<string | string[]> {
    const headers = { ...request.headers, host: new URL(this.daemon).host }
    return headers.origin === this.url ? { ...headers, origin: this.daemon } : headers
  }
}
