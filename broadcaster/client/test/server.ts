/** The server of the virtual world: signs, verifies and broadcasts as the real one does. */
import type { State } from '../src/frames'
import type { FakeSocket } from './wires'
import { FakeStream } from './wires'
import type { Tab, World } from './world'

export interface Key {
  readonly key: string
  readonly kid: string
}

type Scripted = (request: Request) => Response | Promise<Response> | null

const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token that reads like a real one; its signature is none. */
export function makeToken(header: object, payload: object): string {
  return `${b64({ alg: 'HS256', ...header })}.${b64(payload)}.c2lnbmF0dXJl`
}

export const problem = (status: number, code: string, extra: object = {}, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify({ type: 'about:blank', status, code, ...extra }), {
    status, headers: { 'content-type': 'application/problem+json', ...headers },
  })

export class Server {
  current: Key = { key: 'k1', kid: '2026-10-a' }
  retiring: Key[] = []
  rev = 1_795_304_000_000
  /** When the current key became it, Unix ms. */
  since: number
  plan = { afterMs: 5_000, windowMs: 120_000 }
  live = true
  lifeMs = 900_000
  urgency: State['urgency'] = 'planned'
  roles: string[] = ['user']
  beaconMs = 25_000
  /** A proxy on the way lets no WebSocket through. */
  blocked = false
  /** Whether frames are served as server-sent events, too; otherwise nobody knows their address. */
  streams = false
  latencyMs = 20
  /** Key that the issuer signs with, where it lags behind the current one. */
  signsWith: Key | null = null
  /** Keys that the API verifies besides current and retiring ones. */
  readonly sockets = new Set<FakeSocket | FakeStream>()
  /** Each is asked before the usual answer; null: not mine. */
  refreshScript: Scripted = () => null
  apiScript: Scripted = () => null
  statusScript: Scripted = () => null
  callbackScript: Scripted = () => null
  logoutScript: Scripted = () => null
  streamScript: Scripted = () => null
  /** What the server says of its configuration, besides its kids. */
  config = { strong: true, match: true, verifiers: { reporting: 2, agreeing: 2 }, locked: [] as string[], version: '1.0.0' }
  /** All refreshes that were answered with a token. */
  issued = 0
  /** What the API saw: method, path, subject and body. */
  readonly seen: { readonly method: string; readonly path: string; readonly sub: string | null; readonly body: string; readonly status: number }[] = []
  private serial = 0

  constructor(private readonly world: World) {
    this.since = world.now - 3_600_000
  }

  token(sub: string, key: Key = this.signsWith ?? this.current): string {
    const iat = Math.floor(this.world.now / 1000)
    return makeToken({ kid: key.kid }, {
      iss: 'https://auth.example.com', sub, roles: this.roles, iat, exp: iat + this.lifeMs / 1000,
      jti: `t${++this.serial}`, key: key.key,
    })
  }

  state(): State {
    return {
      type: 'state', ring: 'payments', rev: this.rev, ...this.current, sinceMs: this.world.now - this.since,
      pending: [], retiring: this.retiring.map((k) => ({ ...k, forMs: 930_000 })), refresh: this.plan,
      urgency: this.urgency, live: this.live,
    }
  }

  /** Turns the key and tells everybody. */
  turn(to: Key, { keep = true, silent = false } = {}): void {
    if (keep) this.retiring = [this.current, ...this.retiring].filter((k) => k.key !== to.key)
    else this.retiring = []
    this.current = to
    this.since = this.world.now
    this.rev = Math.max(this.rev + 1, this.world.now)
    if (!silent) this.broadcast(this.state())
  }

  broadcast(frame: unknown): void {
    for (const socket of this.sockets) if (socket.state === 'open') socket.deliver(frame)
  }

  connect(socket: FakeSocket): void {
    this.world.after(this.latencyMs, () => {
      if (socket.state !== 'connecting' || socket.cut) return
      if (this.blocked || !socket.tab.online) return socket.end(1006)
      socket.state = 'open'
      this.sockets.add(socket)
      socket.onopen?.({})
      if (socket.url.includes('public')) socket.deliver(this.state())
    })
  }

  received(socket: FakeSocket | FakeStream, frame: Record<string, unknown>): void {
    if (frame.type === 'ping') return socket.deliver({ type: 'pong' })
    if (frame.type !== 'auth') return
    const read = this.read(`Bearer ${String(frame.token)}`)
    const known = read && [this.current, ...this.retiring].find((k) => k.key === read.key)
    if (!read || !known || read.exp * 1000 < this.world.now) {
      socket.deliver({ type: 'error', code: 'key_retired', message: 'the key has retired', retryAfterMs: 0 })
      this.world.after(10, () => socket.end(4401))
      return
    }
    socket.deliver({
      type: 'welcome', session: 's1', key: known.key, kid: known.kid, stale: known.key !== this.current.key,
      ttlMs: read.exp * 1000 - this.world.now, beaconMs: this.beaconMs, nowMs: this.world.now,
    })
    socket.deliver(this.state())
    const beat = (): void => {
      if (socket.state !== 'open') return
      socket.deliver(this.state())
      this.world.after(this.beaconMs, beat)
    }
    if (socket.sent.filter((f) => f.type === 'auth').length === 1) this.world.after(this.beaconMs, beat)
  }

  /** The same frames as events; the request has presented the token. */
  private stream(tab: Tab, request: Request): Response {
    if (!this.streams || request.headers.get('accept') !== 'text/event-stream') return problem(426, 'upgrade_required')
    const stream = new FakeStream(tab, request)
    const token = request.headers.get('authorization')?.slice('Bearer '.length)
    this.sockets.add(stream)
    if (stream.url.includes('public')) stream.deliver(this.state())
    else if (token) {
      stream.sent.push({ type: 'auth' })
      this.received(stream, { type: 'auth', token })
    } else {
      stream.deliver({ type: 'error', code: 'token_missing', message: 'the token is missing', retryAfterMs: 100 })
      stream.end(4401)
    }
    return new Response(stream.body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' } })
  }

  private read(header: string | null): { sub: string; key: string; exp: number; roles: string[] } | null {
    const payload = header?.split('.')[1]
    return payload ? JSON.parse(Buffer.from(payload, 'base64url').toString()) : null
  }

  async answer(tab: Tab, request: Request, body: string): Promise<Response> {
    // The server decides when the request arrives, half the way in.
    await new Promise<void>((resolve) => this.world.after(this.latencyMs / 2, resolve))
    const response = await this.decide(tab, request, body)
    await new Promise<void>((resolve) => this.world.after(this.latencyMs / 2, resolve))
    return response
  }

  private async decide(tab: Tab, request: Request, body: string): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname === '/auth/callback') return (await this.callbackScript(request)) ?? (await this.apiScript(request)) ?? problem(400, 'state_invalid', { detail: 'Invalid or expired state' })
    if (pathname === '/auth/logout') {
      const answer = await this.logoutScript(request)
      if (answer?.ok === false) return answer
      tab.browser.cookie = null
      if (answer) return answer
      return new Response(null, { status: 204 })
    }
    if (pathname === '/auth/refresh') return (await this.refreshScript(request)) ?? this.refresh(tab)
    if (pathname === '/v1/stream') return (await this.streamScript(request)) ?? this.stream(tab, request)
    const read = this.read(request.headers.get('authorization'))
    if (pathname === '/auth/config-status') return (await this.statusScript(request)) ?? (await this.apiScript(request)) ?? this.configStatus(tab, read)
    const response = (await this.apiScript(request)) ?? this.api(pathname, read)
    this.seen.push({ method: request.method, path: pathname, sub: read?.sub ?? null, body, status: response.status })
    return response
  }

  private configStatus(tab: Tab, read: object | null): Response {
    if (!tab.browser.cookie && !read) return problem(401, 'session_missing')
    const kids = (keys: Key[]): string[] => keys.map((k) => k.kid)
    return Response.json({ ring: 'payments', kid: this.current.kid, pending: [], retiring: kids(this.retiring), ...this.config })
  }

  refresh(tab: Tab): Response {
    const sub = tab.browser.cookie
    if (!sub) return problem(401, 'session_missing')
    this.issued++
    const { key, kid } = this.signsWith ?? this.current
    return Response.json({
      access_token: this.token(sub), token_type: 'Bearer', expires_in: this.lifeMs / 1000, key, kid,
    })
  }

  private api(path: string, read: { key: string; exp: number; roles: string[] } | null): Response {
    const refuse = (code: string): Response =>
      problem(401, code, {}, {
        'www-authenticate': `Bearer error="invalid_token", error_description="${code}", kid="${this.current.kid}"`,
      })
    if (!read) return refuse('token_missing')
    if (![this.current, ...this.retiring].some((k) => k.key === read.key)) return refuse('key_retired')
    if (read.exp * 1000 <= this.world.now) return refuse('token_expired')
    if (path === '/admin' && !read.roles.includes('admin')) {
      return problem(403, 'role_missing', { detail: 'needs admin' }, { 'www-authenticate': 'Bearer error="insufficient_scope"' })
    }
    if (path === '/forbidden') {
      return new Response('no', { status: 403, headers: { 'www-authenticate': 'Bearer error="insufficient_scope"' } })
    }
    return Response.json({ ok: true, key: read.key })
  }
}
