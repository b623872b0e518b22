import { Auth0Client } from '@auth0/auth0-spa-js'
import type { Configuration } from '@azure/msal-browser'
import { loadExternalTokens, PublicClientApplication } from '@azure/msal-browser'
import Keycloak from 'keycloak-js'
import { User, UserManager, WebStorageStateStore } from 'oidc-client-ts'
import type { Adapter } from '../../src/adapters/adapter'
import { fromFunction } from '../../src/adapters/any'
import { fromAuth0 } from '../../src/adapters/auth0-spa'
import { fromKeycloak } from '../../src/adapters/keycloak-js'
import { fromMsal } from '../../src/adapters/msal'
import { fromOidcClientTs } from '../../src/adapters/oidc-client-ts'
import { Stage, tenant } from './stage'

/** A library at work: who is signed in in it, and the adapter of it. */
export interface Stand<Client = unknown> {
  readonly stage: Stage
  readonly client: Client
  /** A new adapter of the client, as an app makes one once a page. */
  adapter(): Adapter
  /** Signs a user in, in the library alone. */
  signIn(sub: string): Promise<void>
  /** Signs out, in the library alone. */
  signOut(): Promise<void>
}

type Granted = Record<'access_token' | 'refresh_token' | 'id_token', string> & { expires_in: number }

const app = 'https://app.example.com/page'

export async function oidc(settings: object = {}): Promise<Stand<UserManager>> {
  const stage = new Stage('oidc-client-ts')
  const store = stage.window.localStorage as unknown as Storage
  const client = new UserManager({
    authority: 'https://id.example.com', client_id: 'app', redirect_uri: app, userStore: new WebStorageStateStore({ store }), ...settings,
  })
  return {
    stage, client,
    adapter: () => fromOidcClientTs(client),
    async signIn(sub) {
      stage.sub = sub
      const got = stage.grant() as Granted
      const iat = Math.floor(Date.now() / 1000)
      const profile = { iss: 'https://id.example.com', aud: 'app', sub, iat, exp: iat + 600 }
      const user = new User({ ...got, profile, scope: 'openid profile', token_type: 'Bearer', expires_at: iat + got.expires_in })
      await client.storeUser(user)
      await client.getUser()
    },
    signOut: () => client.removeUser(),
  }
}

function withResolvers<T>() {
  let resolve!: (value: T | PromiseLike<T>) => void
  let reject!: (reason?: unknown) => void
  const promise = new Promise<T>((yes, no) => { [resolve, reject] = [yes, no] })
  return { promise, resolve, reject }
}

export async function keycloak(): Promise<Stand<Keycloak>> {
  const stage = new Stage('keycloak-js')
  // Browsers have it since 2024, Node.js since 22.
  if (!('withResolvers' in Promise)) Object.assign(Promise, { withResolvers })
  let client = new Keycloak({ url: 'https://id.example.com', realm: 'shop', clientId: 'app' })
  const stand = {
    stage,
    get client() { return client },
    adapter: () => fromKeycloak(client),
    async signIn(sub: string) {
      stage.sub = sub
      client = new Keycloak({ url: 'https://id.example.com', realm: 'shop', clientId: 'app' })
      const { access_token: token, refresh_token: refreshToken, id_token: idToken } = stage.grant() as Granted
      await client.init({ token, refreshToken, idToken, checkLoginIframe: false })
      stage.asked.length = 0
    },
    signOut: async () => client.clearToken(),
  }
  return stand
}

export async function auth0(settings: object = {}): Promise<Stand<Auth0Client>> {
  const stage = new Stage('auth0-spa')
  const client = new Auth0Client({
    domain: 'shop.example.com', clientId: 'app', useRefreshTokens: true, cacheLocation: 'localstorage',
    authorizationParams: { audience: 'payments', redirect_uri: app }, ...settings,
  })
  return {
    stage, client,
    adapter: () => fromAuth0(client),
    async signIn(sub) {
      stage.sub = sub
      let going = new URLSearchParams()
      await client.loginWithRedirect({ openUrl: (url) => { going = new URL(url).searchParams } })
      stage.idClaims = () => ({ iss: 'https://shop.example.com/', aud: 'app', nonce: going.get('nonce') })
      await client.handleRedirectCallback(`${app}?code=c0de&state=${encodeURIComponent(going.get('state')!)}`)
      stage.idClaims = () => ({ iss: 'https://shop.example.com/', aud: 'app' })
      stage.asked.length = 0
    },
    signOut: () => client.logout({ openUrl: false }),
  }
}

export async function msal(): Promise<Stand<PublicClientApplication>> {
  const stage = new Stage('msal')
  const authority = `https://login.microsoftonline.com/${tenant}`
  const config: Configuration = { auth: { clientId: '22222222-2222-4222-8222-222222222222', authority }, cache: { cacheLocation: 'sessionStorage' } }
  const client = new PublicClientApplication(config)
  await client.initialize()
  return {
    stage, client,
    adapter: () => fromMsal(client, { scopes: ['api://payments/use'] }),
    async signIn(sub) {
      stage.sub = sub
      stage.idClaims = () => ({ iss: `${authority}/v2.0`, aud: config.auth.clientId, oid: stage.sub, tid: tenant, preferred_username: stage.sub })
      const { account } = await loadExternalTokens(config, { scopes: ['api://payments/use'], authority }, stage.grant(), {
        clientInfo: Buffer.from(JSON.stringify({ uid: sub, utid: tenant })).toString('base64url'),
      })
      client.setActiveAccount(account)
    },
    signOut: () => client.clearCache(),
  }
}

/** An app's own session, with a cache that only `fresh` goes past. */
export async function any(): Promise<Stand<{ token: string | null }>> {
  const stage = new Stage('oidc-client-ts')
  const client = { token: null as string | null }
  let refresh = ''
  let signedIn = false
  const take = ({ refresh_token, access_token: token }: Granted): string => {
    refresh = refresh_token
    if (signedIn) client.token = token
    return token
  }
  return {
    stage, client,
    adapter: () => fromFunction(async ({ fresh }) => {
      if (!fresh || !client.token) return client.token
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh })
      const answer = await fetch('https://id.example.com/token', { method: 'POST', body })
      if (answer.status === 400) return null
      const got = (await answer.json()) as Granted & { error?: string }
      if (got.error) throw Object.assign(new Error('refused'), { error: got.error })
      return { token: take(got), expiresIn: got.expires_in }
    }),
    async signIn(sub) {
      stage.sub = sub
      signedIn = true
      take(stage.grant() as Granted)
    },
    async signOut() {
      signedIn = false
      client.token = null
    },
  }
}

/** key: what errors call it. */
export const stands: Record<string, () => Promise<Stand>> = { 'oidc-client-ts': oidc, 'keycloak-js': keycloak, 'auth0-spa-js': auth0, msal, getToken: any }
