import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import OIDC, { type ClientMetadata, interactionPolicy, type InteractionResults, type JWK } from 'oidc-provider'
import { freePort } from './daemon.js'
import { ProviderStore } from './providerstore.js'

/** A step of a sign-in that a test can hold. */
export type Step = 'authorize' | 'token' | 'userinfo' | 'jwks' | 'consent'

/** Ends a hold: what waited goes on. */
export interface Release {
  (): void
  /** Settles once somebody has come to the step and waits there. */
  readonly arrived: Promise<void>
}

/** A request that the provider got. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** Whether a hidden frame asked. */
  readonly framed: boolean
  /** Of the token endpoint: `authorization_code` or `refresh_token`. */
  grant: string | undefined
  /** 0 until it is answered. */
  status: number
}

export interface ProviderOptions {
  /** `localhost` is another site than an app on 127.0.0.1; its cookies then are for all sites. */
  host?: '127.0.0.1' | 'localhost'
  /** True: refresh tokens outlive the session at the provider, as with offline access. */
  offline?: boolean
  /** Access tokens are JWTs for this API, with the roles in them (RFC 9068); unset: they say nothing to anybody else. */
  audience?: string
}

const steps: Record<string, Step> = { '/auth': 'authorize', '/token': 'token', '/me': 'userinfo', '/jwks': 'jwks' }

/** The people whom a provider knows. Whoever signs in first under a name is a user with the role `user`. */
export class Users {
  /** key: sub; value: roles. */
  private readonly known = new Map<string, string[]>()
  private readonly gone = new Set<string>()

  constructor(private readonly leave: (sub: string) => void) {}

  roles(sub: string): string[] { return this.known.get(sub) ?? ['user'] }

  /** Replaces a user's roles. */
  set(sub: string, ...roles: string[]): void { this.known.set(sub, roles) }

  grant(sub: string, ...roles: string[]): void { this.set(sub, ...new Set([...this.roles(sub), ...roles])) }

  /** Takes roles away; without roles the user is gone: no session, no grant, no sign-in under that name. */
  revoke(sub: string, ...roles: string[]): void {
    if (roles.length > 0) return this.set(sub, ...this.roles(sub).filter((r) => !roles.includes(r)))
    this.gone.add(sub)
    this.leave(sub)
  }

  has(sub: string): boolean { return !this.gone.has(sub) }
}

/**
 * An OpenID provider on this machine: npm's oidc-provider, with a login page that believes any name, consent without
 * a page, PKCE required, refresh tokens that are good once, roles by userinfo, and a logout of its own.
 */
export class Provider {
  url = ''
  readonly clientId = 'keyturn-test'
  readonly clientSecret = randomBytes(24).toString('base64url')
  /** A client without a secret, for SDKs in the browser. */
  readonly publicClientId = 'keyturn-test-public'
  readonly users = new Users((sub) => { this.store.drop((_, r) => r.accountId === sub) })
  /** `deny`: whoever frames it gets a page that no browser shows in a frame. */
  framing: 'allow' | 'deny' = 'allow'
  /** All requests so far. */
  readonly seen: Asked[] = []

  private readonly store = new ProviderStore()
  private readonly holds = new Map<Step, { gate: Promise<void>, here: () => void }>()
  /** What ends each hold and each slow answer, so that closing leaves nobody waiting. */
  private readonly ends = new Set<() => void>()
  private readonly apps = new Set<string>()
  private readonly cookieKey = randomBytes(32).toString('base64url')
  private delay = 0
  private server: Server | undefined
  private oidc!: OIDC
  private answer!: (request: IncomingMessage, response: ServerResponse) => void

  constructor(private readonly options: ProviderOptions = {}) {}

  /** The issuer, as in its discovery document. */
  get issuer(): string { return this.url }

  async start(): Promise<this> {
    await this.listen(await freePort()) // while it is down, no one who asks for any port gets its own
    this.url = `http://${this.options.host ?? '127.0.0.1'}:${(this.server!.address() as AddressInfo).port}`
    this.turnKeys()
    return this
  }

  /** Ends everything: held and slow answers, connections, the listener. */
  async close(): Promise<void> {
    this.letGo()
    await this.down()
  }

  /** Ends all holds, and what a slow answer still has to wait. */
  letGo(): void {
    for (const end of [...this.ends]) end()
  }

  /** Lets an app at an origin sign people in: its callbacks, and the pages that a logout may lead to. */
  register(...origins: string[]): void {
    for (const origin of origins) this.apps.add(origin)
  }

  /** Holds a step until the function that it returns is called. One hold a step; to hold consent means to ask for it again. */
  hold(step: Step): Release {
    let release!: () => void
    let here!: () => void
    const gate = new Promise<void>((resolve) => { release = resolve })
    const arrived = new Promise<void>((resolve) => { here = resolve })
    const held = { gate, here }
    this.holds.set(step, held)
    const end = (): void => {
      if (this.holds.get(step) === held) this.holds.delete(step)
      this.ends.delete(end)
      release()
    }
    this.ends.add(end)
    return Object.assign(() => { end() }, { arrived })
  }

  /** Nobody can connect from here on, and who was connected is cut off. */
  async down(): Promise<void> {
    const { server } = this
    this.server = undefined
    if (!server) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  /** It is back, at the same address, and remembers everything. */
  async up(): Promise<void> {
    await this.listen(Number(new URL(this.url).port))
  }

  /** Every answer takes this long from here on; 0: at once. */
  slow(ms: number): void { this.delay = ms }

  /** It signs with another key, and the one before is out of its key set. */
  turnKeys(): void {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const key = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' } as JWK
    this.oidc = this.build(key)
    this.answer = this.oidc.callback()
  }

  /** Ends a user's session at the provider, and with it the refresh tokens that are bound to it. */
  endSession(sub: string): void {
    this.store.drop((kind, r) => kind === 'Session' && r.accountId === sub)
  }

  /** The requests of one path so far: `/auth`, `/token`, `/me`, `/jwks`, `/session/end`. */
  requests(path: string): Asked[] {
    return this.seen.filter((s) => s.path === path)
  }

  /** Forgets the requests so far. */
  forget(): void { this.seen.length = 0 }

  private listen(port: number): Promise<void> {
    const server = createServer((request, response) => {
      this.serve(request, response).catch((err: unknown) => {
        if (!response.headersSent) response.writeHead(500)
        response.end(String(err))
      })
    })
    this.server = server
    return new Promise((resolve, reject) => {
      server.on('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams: query } = new URL(request.url ?? '/', this.url)
    const framed = request.headers['sec-fetch-dest'] === 'iframe'
    const asked: Asked = { method: request.method ?? '', path, query, framed, grant: undefined, status: 0 }
    this.seen.push(asked)
    response.on('finish', () => { asked.status = response.statusCode })
    if (this.delay > 0) await this.pause(this.delay)
    const step = steps[path]
    if (step) await this.wait(step)
    if (response.destroyed) return // who asked has gone meanwhile
    if (this.options.host === 'localhost') forAllSites(response)
    if (this.framing === 'deny') {
      response.setHeader('x-frame-options', 'DENY')
      if (framed) {
        page(response, 200, '<p>This page is shown by itself only.</p>')
        return
      }
    }
    if (path.startsWith('/interaction/')) return this.interact(request, response)
    Object.assign(request, { asked })
    this.answer(request, response)
  }

  /** Waits while a step is held. */
  private async wait(step: Step): Promise<void> {
    const held = this.holds.get(step)
    held?.here()
    await held?.gate
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.ends.delete(end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.ends.add(end)
    })
  }

  /** The pages of a sign-in: one that asks for a name, and consent that is given by itself. */
  private async interact(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const details = await this.oidc.interactionDetails(request, response).catch(() => undefined)
    if (!details) {
      page(response, 400, '<p>This sign-in is over. Go back to the app and start again.</p>')
      return
    }
    const finish = (result: InteractionResults): Promise<void> =>
      this.oidc.interactionFinished(request, response, result, { mergeWithLastSubmission: true })
    if (details.prompt.name === 'consent') {
      await this.wait('consent')
      const grant = await this.grant(details.session!.accountId, String(details.params.client_id))
      if (!response.destroyed) await finish({ consent: { grantId: grant } })
      return
    }
    const form = request.method === 'POST' ? new URLSearchParams(await text(request)) : undefined
    if (form?.has('decline')) return finish({ error: 'access_denied', error_description: 'the user said no' })
    const name = form?.get('name')
    if (name && this.users.has(name)) return finish({ login: { accountId: name } })
    page(response, 200, `${name ? '<p role="alert">Nobody of that name may sign in.</p>' : ''}
<form method="post"><label>Name <input name="name" data-testid="idp-name" autofocus></label>
<button data-testid="idp-login">Sign in</button> <button name="decline" value="1" data-testid="idp-decline">Cancel</button></form>`)
  }

  private async grant(accountId: string, clientId: string): Promise<string> {
    const grant = new this.oidc.Grant({ accountId, clientId })
    grant.addOIDCScope('openid profile email offline_access')
    return grant.save()
  }

  private client(id: string): ClientMetadata {
    const apps = [...this.apps]
    return {
      client_id: id,
      ...(id === this.clientId ? { client_secret: this.clientSecret } : { token_endpoint_auth_method: 'none' as const }),
      // Compared letter by letter, so that nothing but these addresses gets a code.
      redirect_uris: apps.flatMap((app) => ['/auth/callback', '/ui/callback', '/callback', '/silent'].map((p) => app + p)),
      post_logout_redirect_uris: apps.flatMap((app) => ['/', '/ui/reports'].map((p) => app + p)),
      grant_types: ['authorization_code', 'refresh_token'],
    }
  }

  private build(key: JWK): OIDC {
    const policy = interactionPolicy.base()
    policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0)
    const adapter = (kind: string): ReturnType<ProviderStore['adapter']> => ({
      ...this.store.adapter(kind),
      // Clients are made when they are asked for: apps may register at any time.
      ...(kind === 'Client' && { find: async (id: string) => ([this.clientId, this.publicClientId].includes(id) ? this.client(id) : undefined) }),
    })
    const oidc = new OIDC(this.url, {
      adapter,
      jwks: { keys: [key] },
      cookies: { keys: [this.cookieKey] },
      clientBasedCORS: () => true,
      claims: { openid: ['sub', 'roles'], profile: ['name'], email: ['email'] },
      scopes: ['openid', 'profile', 'email', 'offline_access'],
      pkce: { required: () => true },
      issueRefreshToken: () => true,
      rotateRefreshToken: true,
      expiresWithSession: () => !this.options.offline,
      ttl: { AccessToken: 600, AuthorizationCode: 600, IdToken: 600, RefreshToken: 86_400, Interaction: 600, Session: 86_400, Grant: 86_400 },
      interactions: { policy, url: (_, interaction) => `/interaction/${interaction.uid}` },
      ...(this.options.audience !== undefined && { extraTokenClaims: (_, token) => ({ roles: this.users.roles((token as { accountId: string }).accountId) }) }),
      features: {
        devInteractions: { enabled: false },
        resourceIndicators: {
          enabled: this.options.audience !== undefined,
          defaultResource: () => `urn:${this.options.audience}`,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({ scope: '', audience: this.options.audience, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'RS256' } } }),
        },
        rpInitiatedLogout: {
          enabled: true,
          logoutSource: (ctx, form) => {
            ctx.body = `<!doctype html><title>Signing out</title>${form}<script>
const f = document.forms[0]; f.append(Object.assign(document.createElement('input'), { name: 'logout', value: 'yes', type: 'hidden' })); f.submit()</script>`
          },
          postLogoutSuccessSource: (ctx) => { ctx.body = '<!doctype html><title>Signed out</title><p>You are signed out.' },
        },
      },
      findAccount: (_, sub) => (this.users.has(sub)
        ? { accountId: sub, claims: () => ({ sub, name: sub, email: `${sub}@example.com`, roles: this.users.roles(sub) }) }
        : undefined),
      loadExistingGrant: async (ctx) => {
        const { client, session, result, provider } = ctx.oidc
        const id = result?.consent?.grantId ?? session!.grantIdFor(client!.clientId)
        // While consent is held it is asked for anew.
        if (this.holds.has('consent') && !result?.consent) return undefined
        return provider.Grant.find(id ?? await this.grant(session!.accountId!, client!.clientId))
      },
      renderError: (ctx, out) => {
        ctx.type = 'html'
        ctx.body = `<!doctype html><title>Error</title><h1>${ctx.status}</h1><pre data-testid="idp-error">${escape(JSON.stringify(out))}</pre>`
      },
    })
    oidc.silent = true // what goes wrong is the tests' to see
    oidc.use(async (ctx, next) => {
      await next()
      const asked = (ctx.req as IncomingMessage & { asked?: Asked }).asked
      const grant = ctx.oidc?.params?.grant_type
      if (asked && typeof grant === 'string') asked.grant = grant
    })
    return oidc
  }
}

/** Lets cookies go with requests from pages of other sites, too. Browsers count plain http on localhost as secure. */
function forAllSites(response: ServerResponse): void {
  const set = response.setHeader.bind(response)
  response.setHeader = (name, value) => set(name, name.toLowerCase() === 'set-cookie' && Array.isArray(value)
    ? value.map((cookie: string) => cookie.replace(/; *samesite=\w+/i, '') + '; samesite=none; secure')
    : value)
}

function page(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
  response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Provider</title><h1>Provider</h1>${body}</html>`)
}

const escape = (s: string): string => s.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
