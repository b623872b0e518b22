import type { AppToken } from '../endpoint'
import { KeyturnError } from '../errors'
import { readToken } from '../jwt'

/** What `keyturn.configure` takes: the tokens of an app that signs in with a library of its own. */
export interface Adapter {
  /** The token of the account in use; null when it is not signed in. Asks the provider only where no token is at hand. */
  readonly getToken: () => Promise<string | null>
  /**
   * A new token, past every cache; null when only a sign-in by the user helps. Calls at the same time share one.
   * Rejects with a KeyturnError where something is set up wrongly, saying what, and with an Error where the provider
   * could not be asked; neither holds a token.
   */
  readonly refresh: () => Promise<AppToken | null>
}

/** What a library has in its store. */
export interface Signed {
  /** Tells accounts apart; the same for as long as the user is the same. */
  readonly account: string
  /** Its access token, however old; null when the library gives none without asking the provider. */
  readonly token: string | null
  /** Life left, in seconds, where the library knows. */
  readonly expiresIn?: number
}

/** A library, as an adapter sees it. */
export interface Source {
  /** What errors call it. */
  readonly name: string
  /** What is there without asking the provider; null when nobody is signed in. */
  now(): Promise<Signed | null>
  /** Asks the provider, past every cache; null when only a sign-in by the user helps. */
  renew(): Promise<Signed | null>
  /** The short code of an error of renew: OAuth's where there is one (RFC 6749 section 5.2). */
  code(error: unknown): unknown
  /** What to change when renew brings the token that was there before. */
  readonly remedy: string
}

/** Only the user can go on (RFC 6749 section 5.2, OpenID Connect Core 1.0 section 3.1.2.6). */
const over = /^(invalid_grant|(login|interaction|consent|account_selection)_required)$/
/** Asking again gives the same: the client is registered, or set up, for something else (RFC 6749 section 5.2). */
const wrong = /^(invalid_(client|request|scope|target)|unauthorized_client|unsupported_grant_type)$/

/** A failure that lasts; `keyturn` shows its text and does not ask again. */
export const misfit = (name: string, text: string): KeyturnError => new KeyturnError('refresh_failed', `${name}: ${text}`)

/** keyturn reads of a token which key it has and when it ends: one that it can't read is of no use to it. */
export const opaque = (name: string): KeyturnError => misfit(name, 'the access token is no JWT: ask for one for your own API, by its audience or scope')

/**
 * The adapter of a library. It speaks for one account, the first that it sees: when the library comes to hold another
 * one, nobody is signed in here any more, until the library has held none or the app makes a new adapter.
 */
export function adapt(source: Source): Adapter {
  const { name } = source
  let mine: string | null = null
  let subject: string | null = null // of its tokens
  let last: string | null = null // the token handed out last
  let ended: { readonly token: string | null } | null = null // what was there when the provider ended it
  let flight: Promise<AppToken | null> | null = null

  /** Whether something is this adapter's account's, by the library and by the token itself. */
  const belongs = ({ account, token }: Signed): boolean => {
    const claims = readToken(token)
    if (token && !claims) throw opaque(name)
    mine ??= account
    subject ??= claims?.sub ?? null
    return account === mine && (!claims || claims.sub === subject)
  }

  /** What the library has of this adapter's account. */
  const own = async (): Promise<Signed | null> => {
    const there = await source.now()
    if (!there) mine = subject = last = null
    return there && belongs(there) ? there : null
  }

  const give = ({ token, expiresIn }: Signed): AppToken => {
    last = token!
    ended = null
    return { token: last, expiresIn }
  }

  const end = ({ token }: Signed): null => {
    ended = { token }
    return (last = null)
  }

  const fly = async (): Promise<AppToken | null> => {
    const before = await own()
    if (!before) return null
    let got: Signed | null = null
    let code: string | null = null
    let lasting: unknown = null
    try {
      got = await source.renew()
    } catch (error) {
      // An error of a library may hold what was sent; its code does not.
      code = /^[\w.-]{1,64}$/.exec(String(source.code(error)))?.[0] ?? 'unknown'
      if (error instanceof KeyturnError) lasting = error
    }
    const after = await own()
    // Whoever signed out, or in as somebody else, while the provider answered, is not signed in again by that.
    if (!after) return null
    if (got && !belongs(got)) return end(after)
    if (got?.token && got.token !== before.token) return give(got)
    if (got) throw misfit(name, `the provider was asked, and the token is the same as before: ${source.remedy}`)
    // Another tab was faster: with a refresh token that is good for once, this one was refused for that reason alone.
    if (after.token && after.token !== before.token) return give(after)
    if (lasting) throw lasting
    if (code && wrong.test(code)) {
      throw misfit(name, `the provider refuses to refresh (${code}): compare the client's registration there with its settings here`)
    }
    if (code && !over.test(code)) throw new Error(`${name}: no new token (${code}), the provider could not be asked`)
    return end(after)
  }

  const refresh = (): Promise<AppToken | null> => (flight ??= fly().finally(() => { flight = null }))

  return {
    async getToken() {
      const there = await own()
      // What the provider has ended does not begin again with the token that is still in the store.
      if (!there || (ended && ended.token === there.token)) return null
      if (there.token) return (last = there.token)
      // The library no longer gives the token that ends soon; it is good until the refresh that is planned for it.
      return last ?? (await refresh())?.token ?? null
    },
    refresh,
  }
}
