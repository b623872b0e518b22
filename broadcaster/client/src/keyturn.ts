import type { AnalyticsReport } from './analytics'
import type { AuthFetch } from './authfetch'
import { createAuthFetch } from './authfetch'
import type { ConnectionState } from './connection'
import { On } from './connection'
import { createCore, until } from './core'
import { askApp, askEndpoint } from './endpoint'
import type { Happening, Trouble } from './episodes'
import { told, untold } from './episodes'
import { KeyturnError } from './errors'
import type { KeyturnEvents, Listener } from './events'
import { createEvents } from './events'
import type { Trigger } from './guard'
import { createGuard } from './guard'
import { insides } from './inside'
import { watchPage } from './lifecycle'
import { authEndpoints, bare, parseOrigins } from './origins'
import { plain } from './plain'
import { createPlanner } from './planner'
import { isFinal } from './recover'
import type { RefreshNews } from './refresher'
import { createRefresher, signedOut } from './refresher'
import { placeKeys } from './returnpath'
import type { Scope } from './scope'
import type { Settings } from './settings'
import { configured, defaults } from './settings'
import { createSignIn } from './signin'
import type { Transport } from './socket'
import { createConnection } from './socket'
import type { LastError } from './stats'
import { joinTabs } from './tabs'
import type { Held } from './vault'
import { createVault } from './vault'

/** Where things are. All of it is fixed once the client runs. */
export interface Options {
  /** The ring whose keys sign the tokens; may be left out where the server has one ring only. */
  readonly ring?: string
  /** Origins whose requests carry the token, by commas or spaces; default `self`, the page's own. */
  readonly origins?: string
  /** Default `/v1/stream` of the page's origin; null: no connection. */
  readonly streamUrl?: string | null
  /** Default `/auth/refresh`. */
  readonly refreshUrl?: string
  /** Default: `logout` beside the refresh endpoint. */
  readonly logoutUrl?: string
  /** Where people sign in; default `login` beside the refresh endpoint. */
  readonly loginUrl?: string
  /** Tokens come from `getToken` and `refresh` alone. */
  readonly manual?: boolean
  /** The ring needs no token to be listened to. */
  readonly public?: boolean
  readonly settings?: Partial<Settings>
}

/** The client. All functions may be called at any time and in any number at once. */
export interface Keyturn {
  /** Changes settings; unknown, fixed and locked names throw, values that will not do become the default. */
  configure(changes: Partial<Settings>): void
  /**
   * A token that is good for use, refreshed first if it is about to expire; null when nobody is signed in, or when
   * the token is in a cookie that no script can read: `fetch` then goes with it. Rejects with
   * the KeyturnError `redirecting` when the page is being left for a sign-in, `unauthorized` when the user has to see to it.
   */
  getToken(): Promise<string | null>
  /** A new token, whatever the old one is worth; '' where it is in a cookie that no script can read. Rejects with a KeyturnError. */
  refresh(): Promise<string>
  /** `fetch` that adds the token and recovers from 401 and 403; for the configured origins only. */
  readonly fetch: AuthFetch
  /**
   * Ends the session here and in all tabs of this browser at once, then at the server; rejects if that fails. With
   * `signIn` this tab then goes to the provider's own logout, where there is one, and comes back to `defaultReturnPath`.
   */
  logout(): Promise<void>
  /**
   * Leaves the page for a sign-in that ends on `defaultReturnPath`; prompt is passed on to the provider (OpenID Connect
   * Core section 3.1.2.1). Resolves when the page is being left, or `onBeforeRedirect` has kept it.
   */
  signIn(options?: { readonly prompt?: 'login' | 'select_account' }): Promise<void>
  /** To be called after a sign-in: fetches the new user's token. Rejects with a KeyturnError. */
  signedIn(): Promise<void>
  /** What is going on, without a secret. */
  status(): Status
  /** Calls listener at each event; returns the function that ends it. */
  on<K extends keyof KeyturnEvents>(event: K, listener: Listener<K>): () => void
}

/** A snapshot for people and support: no token, no part of one. */
export interface Status {
  readonly ring: string
  readonly socket: ConnectionState
  readonly lastClose: number | null
  /** `events` where a WebSocket could not be opened; null without a connection. */
  readonly transport: Transport | null
  readonly rev: number | null
  /** Public name and kid of the current key. */
  readonly key: string | null
  readonly kid: string | null
  readonly live: boolean | null
  readonly token: {
    readonly key: string | null
    readonly kid: string | null
    readonly iat: number | null
    readonly exp: number | null
    readonly length: number
    readonly leftMs: number
  } | null
  /** Until the planned refresh, 0 when it is due, null when none is planned. */
  readonly plannedMs: number | null
  readonly breaker: 'open' | 'closed'
  /**
   * How often, since the page was loaded or the counters were reset. key: `<trigger>.<phase>` of a refresh,
   * `adopted` (a sibling's token), `failures` (requests refused), `replays`, `blocked` and `blocked.<layer>` (by a
   * loop guard), `notices` (shown to the user).
   */
  readonly counters: Readonly<Record<string, number>>
}

/** A token with less life left is not sent any more: it could expire on the way. */
const lastMomentMs = 2_000
/** Kept for the login page, which shows it and removes it. */
const hintKey = 'tokenRefreshError'
const hint = 'Token refresh failed. Please try logging in again.'

const seconds = (ms: number): number => Math.max(Math.round(ms / 1000), 0)

/** Builds a client and starts it: it asks for a token once, connects, and keeps the token fresh from then on. */
export function createKeyturn(options: Options = {}, scope: Scope = globalThis as unknown as Scope): Keyturn {
  const base = scope.document.baseURI
  const ring = options.ring ?? ''
  const url = (written: string | undefined, usual: string, from = base): string => new URL(written ?? usual, from).href
  const refreshUrl = url(options.refreshUrl, '/auth/refresh')
  const logoutUrl = url(options.logoutUrl, 'logout', refreshUrl)
  const loginUrl = url(options.loginUrl, 'login', refreshUrl)
  const streamUrl = new URL(options.streamUrl ?? '/v1/stream', base)
  streamUrl.protocol = streamUrl.protocol.replace('http', 'ws')
  if (ring) streamUrl.searchParams.set('ring', ring)
  const origins = parseOrigins(options.origins ?? 'self', base)
  const untouched = authEndpoints(refreshUrl, logoutUrl, loginUrl)

  let settings = configured(defaults, options.settings ?? {})
  // The page's own fetch, whoever replaces the global one later.
  const send = scope.fetch.bind(scope)
  const core = createCore(scope)
  const { emit, on } = createEvents()
  const guard = createGuard(core, ring, () => settings.autoRefreshOnError)
  let counters: Record<string, number> = {}
  let story = untold
  let lastError: LastError | null = null
  let lastTrigger: Trigger | null = null
  let locked: readonly string[] = []
  const count = (what: string): void => {
    counters[what] = (counters[what] ?? 0) + 1
  }
  // Every line carries the mark by which people filter for refresh activity, and never a token or a name.
  const log = (line: string): void => scope.console.info(`🔄 ${line}`)
  const debug = (line: string): void => {
    if (settings.debug || /(^|[\s,])(\*|keyturn\b)/.test(core.read('localStorage', 'debug'))) log(line)
  }
  // A random name of this browser, the same in all its tabs; it never leaves the browser.
  const browserId = core.read('localStorage', 'keyturn:browser') || `${core.roll()}${core.roll()}`
  core.write('localStorage', 'keyturn:browser', browserId)
  let login = 0
  // The callback page has done its part.
  let arrived = false
  /** The callback page: no sign-in begins on the page where one ends. */
  const atCallback = (): boolean => settings.signIn !== 'off' && scope.location!.origin + scope.location!.pathname === signIn.callback()
  /** The same, while nothing is known of the sign-in that ends there. */
  const arriving = (): boolean => !arrived && atCallback()

  const report = (what: AnalyticsReport): void => emit('report', what)
  on('report', (what) => settings.analytics?.(what))
  const happen = (happening: Happening): void => {
    const { episode: before } = story
    story = told(story, happening)
    const { episode } = story
    if (episode === before) return
    report({ what: 'episode', phase: episode.phase })
    emit('episode', episode)
  }
  const failed = (status: number | null, message: string): void => {
    lastError = { time: core.wall(), status, message: plain(message) }
  }
  const trouble = (t: Trouble): void => {
    if (t.what === 'blocked') {
      count(`blocked.${t.layer}`)
      report({ what: 'blocked', layer: t.layer })
    }
    if (t.what === 'refused') failed(t.status, t.message || t.code)
    happen(t)
  }

  const vault = createVault(core, (held) => {
    emit('token', { held: !!held, key: held?.key ?? null, kid: held?.kid ?? null })
    connection.dispatch(held || options.public ? On.wanted : On.unwanted)
    // A connection belongs to one user, even where it needs none.
    if (login !== vault.login()) connection.dispatch(On.restart)
    login = vault.login()
    // With other claims there is progress: what a 403 was refreshed for has passed, even if the old ones come back.
    if (held && !guard.spentOn(held.claims.digest)) guard.spend('')
    if (held) connection.dispatch(On.token)
    planner.token(true)
  })

  /** The user is gone, by whatever way: nothing of theirs goes on. */
  const left = (code: string, some = true): void => {
    refresher.cancel()
    // Where nobody was, a sign-in that has been begun meanwhile goes on.
    if (some) signIn.cancel()
    guard.spend('')
    for (const key of placeKeys) core.write('sessionStorage', key, '')
    if (code === 'signed_out') happen({ what: 'left' })
    emit('sessionended', { code })
  }

  /** The user is gone from here, and with shared from all tabs. */
  const leave = (code: string, shared = true): void => {
    vault.forget(core.wall())
    if (shared) tabs.leave()
    left(code, shared)
  }

  const tabs = joinTabs(core, ring, vault, () => {
    count('adopted')
    log('JWT adopted from another tab')
    happen({ what: 'refresh', phase: 'skipped', trigger: 'event', sound: !planner.stale() })
  }, () => left('signed_out'))

  const heard = (news: RefreshNews, error?: KeyturnError): void => {
    const { phase, trigger, code = null } = news
    count(`${trigger}.${phase}`)
    report({ what: 'refresh', trigger, phase })
    emit('refresh', news)
    if (phase === 'started') {
      lastTrigger = trigger
      log('DynamicAuthManager: Refreshing token...')
    }
    if (phase === 'done') {
      log('✅ DynamicAuthManager: Token refreshed successfully')
      core.write('sessionStorage', hintKey, '')
    }
    if (phase === 'waiting') debug(`JWT refresh (${trigger}) again in ${news.waitMs} ms`)
    const known = vault.who()
    const sound = vault.leftMs() > lastMomentMs && !(phase === 'done' && planner.stale())
    // A page that nobody was signed in to has lost nothing.
    const lost = error && (known || phase !== 'ended')
    if (lost) {
      log(`JWT refresh (${trigger}): ${error.message}`)
      if (phase !== 'blocked') {
        failed(null, error.message)
        if (!core.write('sessionStorage', hintKey, hint)) log('[fetchWithAuth] Failed to record token refresh error hint: no storage')
      }
    }
    if (!error || lost) happen({ what: 'refresh', phase, trigger, sound, code: code === 'client_outdated' ? code : error?.code, message: error?.message })
    if (lost) {
      connection.failed(code!)
      emit('failed', { trigger, code: error.code, reason: code })
    }
    if (phase === 'ended') leave(code!, !!known)
  }
  const own = (): (() => any) | null => settings.refresh ?? settings.getToken
  const signIn = createSignIn(
    core, vault, guard, ring, loginUrl, () => settings, () => !!(options.manual || own() || atCallback()), log,
    (trigger) => heard({ phase: 'failed', trigger, code: 'redirect_stuck' }, new KeyturnError('refresh_failed', 'the page could not be left for the sign-in')),
  )
  const refresher = createRefresher(core, vault, guard, tabs, signIn, (hint, signal) => {
    const app = own()
    return app ? until(signal, askApp(app)) : askEndpoint(send, refreshUrl, hint, signal)
  }, heard)
  const { refresh } = refresher

  const planner = createPlanner(
    core, vault, browserId,
    (trigger, timed) => {
      if (timed && trigger === 'expiry') {
        log('[AuthContext] Refresh timer triggered')
        log('[AuthContext] Attempting silent token refresh')
      }
      return refresh(trigger).then(() => true, () => false)
    },
    (trigger, ms) => log(trigger === 'expiry'
      ? `[AuthContext] Token expires in ${seconds(vault.leftMs())}s, scheduling refresh in ${seconds(ms)}s`
      : `${trigger}: JWT refresh planned in ${Math.round(ms)} ms`),
    () => {
      const [trigger, code, message] = ['event', 'key_not_current', 'the new JWT still has the old key, the issuer lags'] as const
      log(`${trigger}: ${message}`)
      failed(null, message)
      happen({ what: 'refresh', phase: 'failed', trigger, sound: false, code, message })
      emit('failed', { trigger, code, reason: null })
    },
    () => settings.autoRefreshOnError,
  )

  const connection = createConnection(core, options.streamUrl === null ? '' : streamUrl.href, {
    // A public ring asks for no token, so that no new connection is needed for each one.
    held: (bound) => (options.public && (bound || !vault.held()?.token) ? null : vault.held()),
    send,
    received(frame, generation) {
      const { type } = frame
      if (type === 'welcome') {
        planner.serverTime(frame.nowMs)
        vault.learn(generation, frame.key, frame.ttlMs)
        planner.token(false)
      } else if (type === 'claims') {
        log('claims: permissions changed')
        guard.spend('')
        planner.claims(frame)
      } else if (type === 'state' && (!ring || frame.ring === ring)) {
        const before = planner.current()
        if (before && frame.rev > before.rev && before.key !== frame.key) {
          log(`event ${frame.ring}/${frame.rev}: JWT key ${before.kid} → ${frame.kid}`)
          guard.spend('')
        }
        if (!planner.state(frame)) return
        if (before) guard.renew()
        emit('state', frame)
      } else if (type === 'error') {
        happen({ what: 'outdated', code: frame.code, message: '' })
      }
    },
    changed(state, lastClose) {
      debug(`JWT connection ${state}`)
      emit('socket', { state, lastClose })
      if (state === 'stopped') emit('failed', { trigger: 'socket', code: 'connection_refused', reason: `${lastClose}` })
    },
    refused(generation, code) {
      if (code === 'token_missing' && vault.leftMs() > lastMomentMs) {
        // There is a cookie, and it did not come along; another one would not either.
        log('JWT connection: the stream gets no cookie. Fix: serve it at the host name of the refresh endpoint (keyturn check).')
        return connection.dispatch(On.refreshFailed)
      }
      refresh('socket', generation).then(() => connection.dispatch(On.token), () => connection.dispatch(On.refreshFailed))
    },
  })

  /** Takes over what the app's own source has, where there is one. */
  const adopt = async (signal: AbortSignal | null): Promise<void> => {
    const { getToken } = settings
    if (!getToken) return
    const given = await until(signal, Promise.resolve(getToken()))
    if (given && given !== vault.held()?.token) vault.take({ token: given, key: null, kid: null, ttlMs: null }, core.wall(), 'app')
    else if (!given && vault.held()) leave('signed_out')
  }

  const token = async (signal: AbortSignal | null, patient: boolean): Promise<{ held: Held | null; sound: boolean }> => {
    await adopt(signal)
    const held = vault.held()
    const { getToken, cacheTimeout } = settings
    // Where nobody told how long a token lives, it is used for so long.
    const leftMs = held && held.ttlMs === null ? held.receivedAt + cacheTimeout - core.now() : vault.leftMs()
    const soon = Math.min(settings.refreshThreshold, (held?.ttlMs ?? cacheTimeout) / 2)
    const helpless = (options.manual && !settings.refresh && !getToken) || (!held && arriving())
    const enough = held && leftMs >= (patient ? soon : lastMomentMs)
    if (enough && leftMs < soon) planner.soon()
    if (enough || helpless || (!held && (getToken || vault.signedOut()))) return { held, sound: true }
    const mine = vault.login()
    try {
      const fresh = await until(signal, refresh(held ? 'expiry' : 'start'))
      // What waited here was meant in the name of whoever was signed in then.
      if (mine !== vault.login()) throw signedOut()
      return { held: fresh, sound: true }
    } catch (error) {
      const code = error instanceof KeyturnError && error.code
      if (!code || code === 'signed_out' || isFinal(code)) throw error
      return { held: vault.held(), sound: code === 'session_ended' || vault.leftMs() > 0 }
    }
  }

  const begin = (): void => {
    if (options.public) connection.dispatch(On.wanted)
    // A token of the app's that has expired already is left to the plan, which lets the page render first.
    void (settings.getToken ? adopt(null) : token(null, false)).catch(() => {})
  }

  watchPage(core, planner.look, connection, refresher)
  begin()

  const keyturn = Object.freeze<Keyturn>({
    configure(changes) {
      settings = configured(settings, changes, locked)
      if (changes.autoRefreshOnError === false) {
        scope.console.warn("🔄 Automatic JWT refresh is off. You'll need to manually refresh the page when JWT secrets change!")
      }
      if (vault.held()) planner.look()
      else begin()
    },
    getToken: async () => (await token(null, true)).held?.token || null,
    async refresh() {
      guard.renew()
      return (await refresh('manual')).token
    },
    fetch: createAuthFetch({
      core, send, vault, guard, log, count, trouble, token, refresh,
      settings: () => settings,
      stale: planner.stale,
      leaving: signIn.leaving,
      protects: (to) => origins.includes(to.origin) && !untouched.includes(bare(to.href)),
    }),
    async logout() {
      leave('signed_out')
      if (options.manual) return
      const ask = (at: string): Promise<Response> => send(at, { method: 'POST', credentials: 'include', keepalive: true })
      const to = new URL(logoutUrl)
      if (settings.signIn !== 'off') to.searchParams.set('post_logout_redirect_uri', scope.location!.origin + settings.defaultReturnPath)
      let answer = await ask(to.href)
      // A page that the server does not want to come back to is no reason to stay signed in.
      if (answer.status === 400) answer = await ask(logoutUrl)
      const { ok, status } = answer
      if (status === 200 && settings.signIn !== 'off') {
        const { logoutUrl: next } = await answer.json().catch(() => ({}))
        if (/^https?:/.test(next) && !vault.held()) scope.location!.assign(next)
      }
      if (!ok) throw new KeyturnError('logout_failed', `log out: the server answered ${status}, the session may still live`)
    },
    signIn: ({ prompt } = {}) => signIn.begin(prompt),
    async signedIn() {
      refresher.cancel()
      signIn.cancel()
      guard.spend('')
      guard.renew()
      connection.dispatch(On.restart)
      await refresh('signin')
    },
    status() {
      const held = vault.held()
      const { ring: name = ring, rev = null, key = null, kid = null, live = null } = planner.current() ?? {}
      return {
        ring: name, rev, key, kid, live,
        socket: connection.state(),
        lastClose: connection.lastClose(),
        transport: connection.transport(),
        token: held && {
          key: held.key, kid: held.kid, iat: held.claims.iat, exp: held.claims.exp, length: held.token.length || (held.length ?? 0),
          leftMs: vault.leftMs(),
        },
        plannedMs: planner.plannedMs(),
        breaker: guard.open() ? 'open' : 'closed',
        counters: { ...counters },
      }
    },
    on,
  })

  insides().set(keyturn, {
    core, vault, send, refreshUrl, ring, log, count, report, refresh, signIn, arriving, leave,
    arrive(answer, askedAt, anew) {
      arrived = true
      refresher.cancel()
      if (anew) {
        guard.spend('')
        guard.renew()
      }
      const taken = answer && vault.take(answer, askedAt, 'refresh')
      if (taken) tabs.share(taken)
      return !!taken
    },
    stale: planner.stale,
    clear() {
      vault.drop()
      guard.spend('')
    },
    settings: () => settings,
    story: () => ({ failures: story.count, lastError, lastTrigger }),
    reset() {
      counters = {}
      lastError = null
      happen({ what: 'reset' })
    },
    async recover(message) {
      trouble({ what: 'refused', status: 401, code: '', message })
      const { token: fresh } = await refresh('401')
      happen({ what: 'recovered' })
      return fresh
    },
    lock(names) {
      locked = names
    },
  })
  return keyturn
}
