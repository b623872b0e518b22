import type { AuthFetch } from './authfetch'
import { createAuthFetch } from './authfetch'
import { createClock } from './clock'
import type { ConnectionState } from './connection'
import type { AppToken, Outcome } from './endpoint'
import { askApp, askEndpoint } from './endpoint'
import type { Environment } from './environment'
import { browserEnvironment } from './environment'
import { KeyturnError } from './errors'
import type { KeyturnEvents, Listener } from './events'
import { createEvents } from './events'
import type { Trigger } from './guard'
import { createGuard } from './guard'
import { browserId } from './identity'
import { watchPage } from './lifecycle'
import { createLog, debugSwitch } from './log'
import { authEndpointsOf, parseOrigins } from './origins'
import { createPlanner } from './planner'
import type { RefreshNews } from './refresher'
import { createRefresher } from './refresher'
import type { Settings } from './settings'
import { configured, defaults } from './settings'
import { createConnection } from './socket'
import type { Counters, Status } from './status'
import { newCounters } from './status'
import { joinTabs } from './tabs'
import { until } from './timers'
import type { Held } from './vault'
import { createVault } from './vault'

/** Where things are. All of it is fixed once the client runs. */
export interface Options extends Partial<Settings> {
  /** The ring whose keys sign the tokens; may be left out where the server has one ring only. */
  readonly ring?: string
  /** Origins whose requests carry the token; default: the page's own. `self` names that one. */
  readonly origins?: string | readonly string[]
  /** Default `/v1/stream` of the page's origin; null: no connection. */
  readonly streamUrl?: string | null
  /** Default `/auth/refresh`. */
  readonly refreshUrl?: string
  /** Default: `logout` beside the refresh endpoint. */
  readonly logoutUrl?: string
  /** Tokens come from `getToken` and `refresh` alone. */
  readonly manual?: boolean
  /** The ring needs no token to be listened to. */
  readonly public?: boolean
}

/** The client. All functions may be called at any time and in any number at once. */
export interface Keyturn {
  /** Changes settings; unknown names throw. */
  configure(changes: Partial<Settings>): void
  /** A token that is good for use, refreshed first if it is about to expire; null when nobody is signed in. */
  getToken(): Promise<string | null>
  /** A new token, whatever the old one is worth. Rejects with a KeyturnError. */
  refresh(): Promise<string>
  /** `fetch` that adds the token and recovers from 401 and 403; for the configured origins only. */
  readonly fetch: AuthFetch
  /** Ends the session here, at the server, and in all tabs of this browser. */
  logout(): Promise<void>
  /** To be called after a sign-in: fetches the new user's token. Rejects with a KeyturnError. */
  signedIn(): Promise<void>
  /** What is going on, without a secret. */
  status(): Status
  /** Calls listener at each event; returns the function that ends it. */
  on<K extends keyof KeyturnEvents>(event: K, listener: Listener<K>): () => void
}

const ignore = (): void => {}
/** A token with less life left is not sent any more: it could expire on the way. */
const lastMomentMs = 2_000
/** A token with less life left is about to expire. */
const soonMs = 60_000

/** Builds a client and starts it: it asks for a token once, connects, and keeps the token fresh from then on. */
export function createKeyturn(options: Options = {}, env: Environment = browserEnvironment()): Keyturn {
  const {
    ring = '', origins: originList = 'self', streamUrl = '/v1/stream', refreshUrl: refreshAt = '/auth/refresh',
    logoutUrl: logoutAt = 'logout', manual = false, public: open = false, ...rest
  } = options
  let settings = configured(defaults, rest)
  const refreshUrl = new URL(refreshAt, env.base).href
  const logoutUrl = new URL(logoutAt, logoutAt === 'logout' ? refreshUrl : env.base).href
  const origins = parseOrigins(originList, env.base)

  const clock = createClock(env.wall, env.mono)
  const log = createLog(env, () => settings.debug || debugSwitch(env))
  const guard = createGuard(env, clock, ring)
  const events = createEvents(log)
  const counters: Counters = newCounters()
  const id = browserId(env)
  let login = 0

  const vault = createVault(clock, (held) => {
    events.emit('token', { held: !!held, key: held?.key ?? null, kid: held?.kid ?? null })
    if (held && login !== vault.login()) connection.dispatch({ type: 'restart' })
    login = vault.login()
    connection.dispatch({ type: 'wanted', value: open || !!held })
    if (held) connection.dispatch({ type: 'token' })
    planner.token(true)
  })

  /** The user is gone, by whatever way: nothing of theirs goes on. */
  const left = (code: string): void => {
    refresher.cancel()
    guard.pardon()
    events.emit('sessionended', { code })
  }

  const tabs = joinTabs(env, ring, vault, clock.now, () => {
    counters.adopted++
    log.info('JWT adopted from another tab')
  }, () => left('signed_out'))

  const ask = (hint: string | null, signal: AbortSignal): Promise<Outcome> => {
    const own = settings.refresh ?? settings.getToken
    if (!own) return askEndpoint(env, refreshUrl, hint, signal)
    return until(signal, askApp(own as () => Promise<string | AppToken>))
  }

  const told = (news: RefreshNews): void => {
    const { phase, trigger, code = null, waitMs = null, error } = news
    const by = counters.refreshes[trigger]
    events.emit('refresh', { phase, trigger, code, waitMs })
    if (phase === 'started') {
      by.attempted++
      log.info('DynamicAuthManager: Refreshing token...')
    } else if (phase === 'done') {
      by.succeeded++
      log.info('✅ DynamicAuthManager: Token refreshed successfully')
    } else if (phase === 'skipped') by.skipped++
    else if (phase === 'waiting') log.debug(`refresh answered busy or not at all: again in ${Math.round(waitMs ?? 0)} ms`)
    else {
      by.failed++
      log.warn(`JWT refresh (${trigger}): ${error?.message}`)
      events.emit('failed', { trigger, code: error?.code ?? 'refresh_failed', reason: code })
      connection.failed(code ?? phase)
      if (phase === 'ended') {
        const had = vault.held()
        vault.forget()
        if (had) tabs.leave()
        left(code ?? 'session_ended')
      }
    }
  }

  const stale = (held: Held): boolean => planner.stale(held)
  const refresher = createRefresher({ env, clock, vault, guard, tabs, ask, stale, told })

  const planner = createPlanner({
    env, clock, vault,
    browserId: () => id,
    refresh: (trigger) => refresher.refresh(trigger).then(() => true, () => false),
    planned: (trigger, ms) => log.info(`${trigger === 'event' ? 'rotation' : 'permissions'}: JWT refresh planned in ${Math.round(ms)} ms`),
    gaveUp() {
      log.warn('rotation: the new JWT still has the old key; the issuer lags')
      events.emit('failed', { trigger: 'event', code: 'key_not_current', reason: null })
    },
  })

  const connection = createConnection({
    env, url: streamAddress(streamUrl, ring, env.base), held: vault.held,
    received(frame, generation) {
      if (frame.type === 'welcome') {
        planner.serverTime(frame.nowMs)
        vault.learn(generation, frame.key, frame.ttlMs)
        planner.token(false)
      } else if (frame.type === 'claims') {
        log.info('permissions changed: JWT will be refreshed')
        guard.pardon()
        planner.claims(frame)
      } else if (frame.type === 'state' && (!ring || frame.ring === ring)) {
        const before = planner.current()
        if (!planner.state(frame)) return
        if (before) {
          log.info(`rotation event ${frame.ring}/${frame.rev}: JWT key ${before.kid} → ${frame.kid}`)
          guard.pardon()
          guard.renew()
        }
        const { rev, key, kid, urgency, live } = frame
        events.emit('state', { ring: frame.ring, rev, key, kid, urgency, live })
      }
    },
    changed(state: ConnectionState, lastClose) {
      log.debug(`connection ${state}`)
      events.emit('socket', { state, lastClose })
      if (state === 'stopped') {
        log.warn(`JWT connection: the server refused it for good (${lastClose})`)
        events.emit('failed', { trigger: 'socket', code: 'connection_refused', reason: String(lastClose) })
      }
    },
    refused(generation) {
      refresher.refresh('socket', generation).then(
        () => connection.dispatch({ type: 'token' }),
        () => connection.dispatch({ type: 'refreshfailed' }),
      )
    },
  })

  /** Takes over what the app's own getToken says. */
  const consult = async (): Promise<void> => {
    const token = await settings.getToken?.()
    const held = vault.held()
    if (token === null) {
      if (held) vault.forget()
    } else if (token !== undefined) vault.adopt({ token, key: null, kid: null, ttlMs: null }, clock.wall(), true)
  }

  const token = async (
    signal: AbortSignal | null, patient: boolean,
  ): Promise<{ readonly held: Held | null; readonly sound: boolean }> => {
    if (settings.getToken) await until(signal, consult())
    const held = vault.held()
    const leftMs = vault.leftMs()
    const soon = Math.min(soonMs, (held?.ttlMs ?? Infinity) / 2)
    const source = !manual || settings.refresh || settings.getToken
    if (held && leftMs >= (patient ? soon : lastMomentMs)) {
      if (leftMs < soon) refresher.refresh('expiry').catch(ignore)
      return { held, sound: true }
    }
    if (!source || (!held && (vault.signedOut() || settings.getToken))) return { held, sound: true }
    try {
      return { held: await until(signal, refresher.refresh(held ? 'expiry' : 'start')), sound: true }
    } catch (error) {
      const code = error instanceof KeyturnError ? error.code : ''
      if (signal?.aborted || code === 'signed_out') throw error
      return { held: vault.held(), sound: code === 'session_ended' || vault.leftMs() > 0 }
    }
  }

  const fresh = async (trigger: Trigger): Promise<Held> => {
    guard.renew()
    return refresher.refresh(trigger)
  }

  const begin = (): void => {
    if (open) connection.dispatch({ type: 'wanted', value: true })
    token(null, false).catch(ignore)
  }

  watchPage(env, {
    dispatch: connection.dispatch,
    suspend: refresher.suspend,
    resume: refresher.resume,
    look: planner.look,
  })
  if (!manual || settings.getToken) begin()

  return Object.freeze<Keyturn>({
    configure(changes) {
      settings = configured(settings, changes)
      if (manual && !vault.held()) begin()
    },
    getToken: async () => (await token(null, true)).held?.token ?? null,
    refresh: async () => (await fresh('manual')).token,
    fetch: createAuthFetch({
      env, clock, vault, guard, log, token, stale,
      origins: () => origins,
      authEndpoints: authEndpointsOf(refreshUrl, logoutUrl),
      settings: () => settings,
      refresh: refresher.refresh,
      count: (what) => counters[what]++,
    }),
    async logout() {
      vault.forget()
      tabs.leave()
      left('signed_out')
      if (manual) return
      const { ok, status } = await env.fetch(logoutUrl, { method: 'POST', credentials: 'include', keepalive: true })
      if (!ok) throw new KeyturnError('logout_failed', `log out: the server answered ${status}: the session may still live`)
    },
    async signedIn() {
      refresher.cancel()
      guard.pardon()
      connection.dispatch({ type: 'restart' })
      await fresh('signin')
    },
    status() {
      const held = vault.held()
      const state = planner.current()
      return {
        ring: state?.ring ?? ring,
        socket: connection.state(),
        lastClose: connection.lastClose(),
        rev: state?.rev ?? null,
        key: state?.key ?? null,
        kid: state?.kid ?? null,
        live: state?.live ?? null,
        token: held && {
          key: held.key, kid: held.kid, iat: held.claims.iat, exp: held.claims.exp, length: held.token.length,
          leftMs: vault.leftMs(),
        },
        plannedMs: planner.plannedMs(),
        breaker: guard.open() ? 'open' : 'closed',
        counters: structuredClone(counters),
      }
    },
    on: events.on,
  })
}

function streamAddress(streamUrl: string | null, ring: string, base: string): string | null {
  if (streamUrl === null) return null
  const url = new URL(streamUrl, base)
  url.protocol = url.protocol.replace('http', 'ws')
  if (ring) url.searchParams.set('ring', ring)
  return url.href
}
