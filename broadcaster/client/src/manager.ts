import type { ConfigurationReport } from './check'
import { checkConfiguration } from './check'
import type { Config } from './config'
import { shown } from './config'
import type { Trigger } from './guard'
import { insides } from './inside'
import { segment } from './jwt'
import type { Keyturn, Status } from './keyturn'
import { plain } from './plain'
import { hardRefresh, resumeHardRefresh } from './reload'
import type { Settings } from './settings'
import type { Stats } from './stats'
import { statsOf } from './stats'
import { version } from './version'

/**
 * The console's object: the client, and what people ask of it from the developer tools. Frozen, and closed over
 * its state: a walk over its properties meets no token and no key.
 */
export interface Manager extends Keyturn {
  /** True once the client runs. */
  readonly isInitialized: boolean
  /** A token that is good for use; null when nobody is signed in, or when the token is kept in a cookie. */
  getCurrentToken(): Promise<string | null>
  getJWTValidationStats(): Stats
  /** Refreshes the token if it needs it. Never rejects. */
  ensureValidToken(): Promise<TokenCheck>
  /** Drops the token from memory; the session goes on, and the next use fetches a new one. */
  clearCache(): Promise<void>
  /** A new token; '' where it is in a cookie. Rejects with a KeyturnError. */
  refreshToken(): Promise<string>
  /** Changes settings for as long as the page lives. Throws on an unknown, fixed or locked name. */
  updateConfig(changes: Partial<Settings>): void
  /** Version of this script. */
  readonly version: string
  /** A copy of the settings; functions are shown as whether there is one. */
  getConfig(): Config
  /** For app code that found an authentication error by itself. Never rejects; retry: send the request again. */
  handleJWTValidationError(error: unknown): Promise<Recovery>
  readonly jwtValidator: Validator
  /** A snapshot for support, without a token. */
  getDebugInfo(): DebugInfo
  getAuthStatus(): DebugInfo
  /** What is written in the token in use, or in the one given: read here, verified nowhere, sent nowhere. */
  decodeToken(token?: string): DecodedToken | null
  getTokenStats(): DecodedToken | null
  /** Length, kid, iat and exp (Unix seconds) of the token in use. */
  getTokenInfo(): Status['token']
  /** Drops the token and fetches a new one, and checks the configuration anew. Never rejects. */
  refreshAll(): Promise<{ readonly success: boolean; readonly error?: string }>
  /** Asks the server whether signer and verifiers agree; prints five lines. Never rejects. */
  checkConfiguration(): Promise<ConfigurationReport>
  /** Takes tokens from the app's own source from now on; null: from the refresh endpoint again. */
  setTokenGetter(getter: Settings['getToken']): void
  /**
   * Loads the page anew past all caches: service workers and Cache Storage of this origin are removed, the page is
   * fetched again; cookies and storage stay, and so does the address. Resolves when the reload has been asked for.
   */
  hardRefresh(): Promise<void>
  /** To be called by whoever shows a notice to the user: it is counted. */
  noticed(): void
}

export interface TokenCheck {
  readonly valid: boolean
  readonly token: string | null
  /** Life left, in seconds; null where nobody told. */
  readonly expiresIn: number | null
  /** Why it is not valid. */
  readonly error?: string
}

/** What came of an authentication error that the app reported. */
export interface Recovery {
  readonly success: boolean
  /** There is a new token: send the request again. */
  readonly retry: boolean
  readonly token: string | null
  readonly error?: string
}

/** Knobs by their older names. */
export interface Validator {
  maxRetries: number
  setAutoRefresh(on: boolean): void
  resetStats(): void
}

export interface DebugInfo extends Status {
  readonly version: string
  readonly isInitialized: boolean
  readonly hasToken: boolean
  readonly config: Config
  readonly stats: Stats
  /** What set off the last refresh. */
  readonly lastTrigger: Trigger | null
}

export interface DecodedToken {
  readonly header: Readonly<Record<string, unknown>>
  readonly payload: Readonly<Record<string, unknown>>
}

/** What the console's object is made with. */
export interface ManagerOptions {
  /** False: the configuration is not checked by itself after the first token; a check asks the server once. */
  readonly check?: boolean
}

/** Builds the console's object of a client. Throws when keyturn is no client. */
export function createManager(keyturn: Keyturn, { check = true }: ManagerOptions = {}): Manager {
  const inside = insides().get(keyturn)
  if (!inside) throw new TypeError('create manager: this is no client: pass what createKeyturn returned')
  const { vault, settings, log, count, story } = inside
  const { getToken, refresh, status, on } = keyturn
  const stats = (): Stats => statsOf(status().counters, inside)
  const config = (): Config => shown(settings())
  const why = (error: unknown): string => plain((error as Error)?.message ?? error)
  let told = false

  const update = (changes: Partial<Settings>): void => {
    keyturn.configure(changes)
    log(`🔧 DynamicAuthManager: Config updated: ${JSON.stringify(config())}`)
  }
  const clear = async (): Promise<void> => {
    log('🧹 DynamicAuthManager: Clearing all caches...')
    inside.clear()
    log('✅ DynamicAuthManager: All caches cleared')
  }
  const decode = (token = vault.held()?.token): DecodedToken | null => {
    const held = vault.held()
    if (held && token === '') return { header: { kid: held.kid }, payload: structuredClone(held.claims.payload) }
    const [header, payload] = String(token ?? '').split('.', 2).map(segment)
    return header && payload ? { header, payload } : null
  }
  const debugInfo = (): DebugInfo => ({
    ...status(), version, isInitialized: true, hasToken: !!vault.held(), config: config(), stats: stats(), lastTrigger: story().lastTrigger,
  })
  const examine = (brief?: boolean): Promise<ConfigurationReport> => checkConfiguration(keyturn, inside, brief)

  log('🚀 Initializing DynamicAuthManager...')
  resumeHardRefresh(inside)
  if (check) {
    const off = on('token', ({ held }) => {
      const { getToken: own, refresh: ownRefresh } = settings()
      if (!held) return
      off()
      // Without an endpoint of the server there is nothing to ask.
      if (!own && !ownRefresh) void examine(true)
    })
  }
  const manager = Object.freeze<Manager>({
    ...keyturn,
    version,
    isInitialized: true,
    async getCurrentToken() {
      const token = await getToken()
      if (!token && !told) {
        told = true
        log('No JWT in the memory of this page: nobody is signed in, or the app keeps it in a cookie that no script can read')
      }
      return token
    },
    getJWTValidationStats: stats,
    async ensureValidToken() {
      try {
        if (inside.stale()) await inside.refresh('event').catch(() => {})
        const token = await getToken()
        const leftMs = vault.leftMs()
        if (vault.held() && leftMs > 0) return { valid: true, token, expiresIn: leftMs < Infinity ? Math.round(leftMs / 1000) : null }
        return { valid: false, token: null, expiresIn: null, error: (vault.held() && story().lastError?.message) || 'nobody is signed in' }
      } catch (error) {
        return { valid: false, token: null, expiresIn: null, error: why(error) }
      }
    },
    clearCache: clear,
    refreshToken: refresh,
    updateConfig: update,
    getConfig: config,
    async handleJWTValidationError(error) {
      try {
        return { success: true, retry: true, token: (await inside.recover(why(error))) || null }
      } catch (failure) {
        return { success: false, retry: false, token: null, error: why(failure) }
      }
    },
    jwtValidator: Object.freeze<Validator>({
      get maxRetries() {
        return settings().maxRetries
      },
      set maxRetries(maxRetries) {
        update({ maxRetries })
      },
      setAutoRefresh: (autoRefreshOnError) => update({ autoRefreshOnError }),
      resetStats: inside.reset,
    }),
    getDebugInfo: debugInfo,
    getAuthStatus: debugInfo,
    decodeToken: decode,
    getTokenStats: () => decode(),
    getTokenInfo: () => status().token,
    async refreshAll() {
      try {
        await clear()
        await refresh()
        await examine()
        return { success: true }
      } catch (error) {
        return { success: false, error: why(error) }
      }
    },
    checkConfiguration: () => examine(),
    setTokenGetter: (getter) => update({ getToken: getter }),
    hardRefresh: () => hardRefresh(inside),
    noticed() {
      count('notices')
      inside.report({ what: 'notice' })
    },
  })
  insides().set(manager, inside)
  log('✅ DynamicAuthManager initialized successfully')
  return manager
}

/** Which of the console's object a page shows: all of it, what changes nothing and shows no token, nothing. */
export type Exposure = 'full' | 'readonly' | 'off'

/** What a read-only console is left with. */
const harmless = [
  'version', 'isInitialized', 'status', 'on', 'getJWTValidationStats', 'getConfig', 'getDebugInfo', 'getAuthStatus',
  'getTokenInfo', 'getTokenStats', 'checkConfiguration',
] as const

/** Defines `__dynamicAuthManager` and `keyturn`, the same frozen object, which nobody can replace. */
export function expose(manager: Manager, exposure: Exposure = 'full', scope: object = globalThis): void {
  if (exposure === 'off') return
  const value = exposure === 'full' ? manager : Object.freeze(Object.fromEntries(harmless.map((name) => [name, manager[name]])))
  for (const name of ['__dynamicAuthManager', 'keyturn']) Object.defineProperty(scope, name, { value })
}
