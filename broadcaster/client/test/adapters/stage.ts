import { webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Window } from 'happy-dom'
import { vi } from 'vitest'
import type { Adapter } from '../../src/adapters/adapter'
import { makeToken } from '../server'
import type { Tab } from '../world'
import { World } from '../world'

/** What a provider answers, written down in the form that its library reads; `$access` and the like stand for tokens. */
interface Recorded {
  /** Path of the token endpoint. */
  readonly token: string
  readonly granted: object
  readonly refused: object
  /** key: path of a document that is always the same. */
  readonly [path: string]: unknown
}

/** In every refresh token and ID token: nothing that a user, an app or a log gets may hold it. */
export const canary = 'canary-0b5c'

/**
 * A page in which a library runs for real, a provider behind the network's border, and keyturn's own virtual world,
 * whose API admits the tokens that the provider gives. The clock stands still at the world's.
 */
export class Stage {
  readonly world = new World()
  readonly window = new Window({ url: 'https://app.example.com/page' })
  readonly recorded: Recorded
  /** Whom the provider signs in. */
  sub = 'alice'
  /** What the provider does with a refresh. */
  mood: 'grants' | 'refuses' | 'is down' | 'is misused' | 'caches' = 'grants'
  /** Forms that came to the token endpoint. */
  readonly asked: URLSearchParams[] = []
  /** Refresh tokens that are good; each is, once. */
  private readonly good = new Set<string>()
  private serial = 0
  private access = ''
  /** Resolves when the token endpoint may answer. */
  gate: Promise<void> = Promise.resolve()

  constructor(library: string) {
    this.recorded = JSON.parse(readFileSync(new URL(`./${library}.json`, import.meta.url), 'utf8')) as Recorded
    vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'], now: this.world.now })
    const { window } = this
    Object.defineProperty(window, 'crypto', { value: webcrypto })
    for (const name of ['document', 'location', 'sessionStorage', 'localStorage', 'history'] as const) vi.stubGlobal(name, window[name])
    vi.stubGlobal('window', window)
    vi.stubGlobal('self', window)
    vi.stubGlobal('fetch', (input: string | URL | Request, init?: RequestInit) => this.fetch(new Request(input, init)))
  }

  /** Lets ms pass on the clock that libraries look at. */
  pass(ms: number): Promise<unknown> {
    return vi.advanceTimersByTimeAsync(ms)
  }

  async close(): Promise<void> {
    await this.window.happyDOM.close()
    vi.unstubAllGlobals()
    vi.useRealTimers()
  }

  /** Refreshes that the provider was asked for. */
  get refreshes(): number {
    return this.asked.filter((form) => form.get('grant_type') === 'refresh_token').length
  }

  /** An ID token of the user; nobody looks at its signature in a browser. */
  id(claims: object = {}): string {
    const iat = Math.floor(Date.now() / 1000)
    return makeToken({ alg: 'RS256', typ: 'JWT', kid: 'id' }, { sub: this.sub, iat, exp: iat + 3600, [canary]: true, ...claims })
  }

  /** Claims that a library expects in its ID token. */
  idClaims: () => object = () => ({})

  /** What the token endpoint answers to a grant. */
  grant(): Record<string, unknown> {
    const refresh = makeToken({ typ: 'Refresh' }, { sub: this.sub, jti: `${++this.serial}`, [canary]: true })
    this.good.add(refresh)
    if (this.mood !== 'caches' || !this.access) this.access = this.world.server.token(this.sub)
    const filled: Record<string, string> = {
      $access: this.access, $refresh: refresh, $id: this.id(this.idClaims()),
      $client: Buffer.from(JSON.stringify({ uid: this.sub, utid: tenant })).toString('base64url'),
    }
    return JSON.parse(JSON.stringify(this.recorded.granted), (_, value) => filled[value as string] ?? value) as Record<string, unknown>
  }

  private async fetch(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname
    const fixed = this.recorded[path]
    if (fixed) return Response.json(fixed)
    if (path !== this.recorded.token) throw new TypeError(`nobody answers at ${path}`)
    const form = new URLSearchParams(await request.text())
    this.asked.push(form)
    await this.gate
    const refresh = form.get('refresh_token')
    if (this.mood === 'is down') throw new TypeError('fetch failed')
    if (this.mood === 'is misused') return Response.json({ error: 'unauthorized_client', error_description: canary }, { status: 401 })
    // As providers do that rotate: a refresh token is good once.
    if (this.mood === 'refuses' || (refresh && !this.good.delete(refresh))) return Response.json(this.recorded.refused, { status: 400 })
    return Response.json(this.grant())
  }

  /** A page of an app that takes its tokens from the adapter. */
  open(adapter: Adapter): Tab {
    return this.world.browser().open({ manual: true, streamUrl: null, settings: adapter })
  }

  /** Lets the world's clock run until something has settled; libraries do what they do in real time meanwhile. */
  async through<T>(going: Promise<T>): Promise<T> {
    let settled = false
    const done = (): void => { settled = true }
    going.then(done, done)
    while (!settled) {
      await this.world.run(5)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return going
  }
}

export const tenant = '11111111-1111-4111-8111-111111111111'
