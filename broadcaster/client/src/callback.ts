/**
 * The page that a sign-in comes back to: it gets the token, and leads back to where the user came from. Importing this
 * does nothing.
 */
import { createCallbackView } from './callbackview'
import type { Outcome } from './endpoint'
import { granted } from './endpoint'
import { KeyturnError } from './errors'
import { insides } from './inside'
import type { Keyturn } from './keyturn'
import { plain } from './plain'
import { readProblem } from './problem'
import { signedOut } from './refresher'
import { goodPlace, placeKeys } from './returnpath'
import { expired, wantsUser } from './signin'

export interface CallbackOptions {
  /** Where to draw; default: over the whole page. null: nothing is drawn. */
  readonly element?: Element | null
  /** Goes to a path of this origin, for an app that routes by itself; default: the browser loads it, in place of this page. */
  readonly navigate?: (path: string) => void
  /** How long to show where it leads before going there, in ms; default: the setting `callbackDelayMs`. */
  readonly delayMs?: number
  /** Takes a token from the address, where a server without codes puts it. Addresses end up in histories and logs. */
  readonly tokenInUrl?: boolean
}

/** What an address asks for. refresh: it says that the sign-in was for one. */
export type Arrival = { readonly refresh: boolean } & (
  | { readonly what: 'exchange'; readonly query: string }
  | { readonly what: 'token'; readonly token: string }
  /** The server has finished the sign-in; the token is fetched. */
  | { readonly what: 'fetch' }
  /** The provider wants to see the user: told, and led to sign-in. */
  | { readonly what: 'expired' }
  | { readonly what: 'fail'; readonly detail: string; readonly hint?: string }
)

const none = 'No authorization token received'
/** So long a user reads why they have to sign in, in ms. */
const readMs = 2_000
/** Longest exchange of a code, in ms; the server gives its provider less. */
const exchangeMs = 20_000

/** Reads the address of the callback page. Pure. */
export function readArrival(search: string, tokenInUrl = false): Arrival {
  const query = new URLSearchParams(search)
  const get = (name: string): string => query.get(name) ?? ''
  const refresh = get('refresh') === 'true'
  const fail = (detail: string, hint?: string): Arrival => ({ refresh, what: 'fail', detail, ...(hint && { hint }) })
  if (query.has('error')) {
    if (refresh && wantsUser.test(get('error'))) return { refresh, what: 'expired' }
    // Whoever made the address chose its text: only what looks like a code is repeated.
    return fail(`OAuth error: ${/^[\w.-]{1,64}$/.exec(get('error'))?.[0] ?? 'unknown'}`)
  }
  if (query.has('code')) {
    if (!get('state')) return fail('Missing state parameter')
    const passed = new URLSearchParams(['code', 'state', 'iss'].filter((name) => query.has(name)).map((name) => [name, get(name)]))
    return { refresh, what: 'exchange', query: `${passed}` }
  }
  if (!query.has('token')) return { refresh, what: 'fetch' }
  return tokenInUrl ? { refresh, what: 'token', token: get('token') }
    : fail(none, 'a token in the address is not taken: addresses end up in histories and logs; tokenInUrl: true of handleCallback takes it')
}

/**
 * Ends a sign-in on the page that it comes back to (`basePath` + `callback`): takes code, state and other parameters off
 * the address at once, gets the token, and goes to the place that was left for a refresh, or to `defaultReturnPath`.
 * Resolves with the path, or with null where an error is shown; never rejects. Called again meanwhile, it gives what is
 * under way. Throws when keyturn is no client.
 */
export function handleCallback(keyturn: Keyturn, options: CallbackOptions = {}): Promise<string | null> {
  const inside = insides().get(keyturn)
  if (!inside) throw new TypeError('handle callback: this is no client: pass what createKeyturn returned, or window.keyturn')
  if (inside.handling) return inside.handling
  const { core, vault, send, refreshUrl, settings, signIn } = inside
  const { scope, read, write, wall } = core
  const { origin, pathname, search } = scope.location!
  const log = (line: string): void => inside.log(`[Callback] ${line}`)
  const { element, delayMs = settings().callbackDelayMs, tokenInUrl, navigate = (path: string) => scope.location!.replace(path) } = options
  const arrival = readArrival(search, tokenInUrl)
  let { refresh } = arrival
  // The marker is no secret, and a reload still needs it.
  scope.history!.replaceState(scope.history!.state, '', pathname + (refresh ? '?refresh=true' : ''))
  const view = element === null ? null : createCallbackView(document, element)

  /** Where it leads now; used: the kept place has done its duty. */
  const target = (used: boolean): { path: string; kept: boolean } => {
    const good = (place: string): string | null => goodPlace(place, origin, [signIn.callback(), signIn.address(false)])
    const usual = good(settings().defaultReturnPath) ?? '/'
    if (!refresh) return { path: usual, kept: false }
    const found = placeKeys.map((key) => good(read('sessionStorage', key))).find(Boolean)
    if (used) for (const key of placeKeys) write('sessionStorage', key, '')
    return { path: found ?? usual, kept: !!found }
  }

  const exchange = async (query: string): Promise<void> => {
    log('Exchanging code for token, calling /auth/callback...')
    const askedAt = wall()
    const login = vault.login()
    const outcome = await core.within(exchangeMs, new AbortController().signal, async (signal): Promise<Outcome> => {
      const response = await send(new URL(`callback?${query}`, refreshUrl).href, {
        credentials: 'include', cache: 'no-store', headers: { accept: 'application/json' }, signal,
      })
      log(`Response status: ${response.status}`)
      if (!response.ok) throw new Error((await readProblem(response)).message || `Token exchange failed: ${response.status}`)
      const body = await response.json()
      refresh ||= body.refresh === true
      return granted(body)
    })
    if (vault.login() !== login) {
      // Whoever signed out meanwhile stays signed out, at the server too.
      await keyturn.logout().catch(() => {})
      throw signedOut()
    }
    if (!outcome.answer || !inside.arrive(outcome.answer, askedAt, !refresh)) throw new Error(none)
  }

  /** ended: what a session that is over means. */
  const fetched = async (ended: string): Promise<void> => {
    inside.arrive(null, 0, !refresh)
    try {
      await (refresh ? inside.refresh('signin') : keyturn.signedIn())
    } catch (error) {
      throw error instanceof KeyturnError && error.code === 'session_ended' ? new Error(ended) : error
    }
  }

  const run = async (): Promise<string> => {
    if (arrival.what === 'fail') {
      if (arrival.hint) log(`JWT: ${arrival.hint}`)
      throw new Error(arrival.detail)
    }
    if (arrival.what === 'exchange') await exchange(arrival.query)
    else if (arrival.what === 'fetch') await fetched(none)
    // Anybody can link here: only the server says that a session is over.
    else if (arrival.what === 'expired') await fetched(expired)
    else if (!inside.arrive({ token: arrival.token, key: null, kid: null, ttlMs: null }, wall(), !refresh)) throw new Error(none)
    if (delayMs) {
      const s = delayMs / 1000
      log(`Will redirect to ${target(false).path} in ${s} second${s === 1 ? '' : 's'} (or enable "Preserve log" in DevTools)`)
      await core.pause(delayMs)
    }
    // Read at the very end: until then the storage is another's to change.
    const { path, kept } = target(true)
    log(!refresh ? 'Normal login, redirecting to reports' : kept ? `Token refreshed, returning to: ${path}` : 'Token refreshed, location lost, using default')
    log(`Redirecting to ${path}`)
    if (delayMs) log(`NOW redirecting to ${path}`)
    navigate(path)
    // The page stays, and another view comes.
    if (options.navigate) view?.remove()
    return path
  }

  view?.busy()
  return (inside.handling = run().catch(async (error: unknown) => {
    const detail = plain((error as Error | null)?.message || error)
    view?.fail(detail, signIn.address(false))
    if (detail !== expired) {
      log(`JWT sign-in: ${detail}`)
      return null
    }
    // It is for all tabs now; what is kept goes with it.
    inside.leave('login_required')
    log('Silent refresh failed (OIDC session expired), redirecting to login')
    await core.pause(readMs)
    scope.location!.assign(signIn.address(false))
    return null
  }).finally(() => {
    inside.handling = undefined
  }))
}
