import type { Core } from './core'
import { KeyturnError } from './errors'
import type { Guard, Trigger } from './guard'
import { wished } from './guard'
import type { Redirect } from './redirect'
import { createMark } from './mark'
import { createRedirector } from './redirect'
import type { RefreshNews } from './refresher'
import { signedOut } from './refresher'
import type { Settings } from './settings'
import { askFrame } from './silentframe'
import type { Vault } from './vault'

/**
 * How people are signed in again when their session is over: `off` by the app alone; `silent` in a hidden frame, never
 * by leaving the page; `auto` in a hidden frame, and as the last resort by leaving the page; `redirect` by leaving the
 * page, also after a 403, for servers whose roles come with a sign-in only.
 */
export type SignInMode = 'off' | 'silent' | 'auto' | 'redirect'

/** What is known when the refresh endpoint has said that the session is over. */
export interface Standing {
  readonly mode: SignInMode
  readonly trigger: Trigger
  /** This page held a token: somebody was signed in, and has not signed out. */
  readonly known: boolean
  readonly visible: boolean
  /** What the hidden frame said: `ok` though the session is still over, `blocked`, a reason, or null when there was none. */
  readonly said: string | null
  /** This tab has been sent to sign-in within the last five minutes, and nobody has asked for it now. */
  readonly recent: boolean
}

export const enum Way {
  /** The session is over, and that is all. */
  over,
  /** The provider wants to see the user, who has to be told. */
  refused,
  /** The sign-in is set up wrongly: say so. */
  mend,
  /** Nobody waits for it: when somebody does. */
  later,
  redirect,
}

/** Reasons of a provider that wants to see the user (OpenID Connect Core section 3.1.2.6), and keyturn's own for another user. */
export const wantsUser = /^((login|interaction|consent|account_selection)_required|account_changed)$/

/**
 * The next step after a session that is over. A provider that does not know its user in a frame may know them well:
 * browsers keep cookies from frames of other sites. So where pages may be left it is asked again by leaving the page. Pure.
 */
export function nextWay({ mode, trigger, known, visible, said, recent }: Standing): Way {
  if (mode === 'off' || !known) return Way.over
  const refused = wantsUser.test(said!)
  if (said && !refused && !/^(ok|blocked)$/.test(said)) return Way.mend
  const over = refused ? Way.refused : Way.over
  if (mode === 'silent') return over
  if (!/^4/.test(trigger) && !wished(trigger) && !(trigger === 'expiry' && visible)) return Way.later
  return recent ? over : Way.redirect
}

/** How a refresh ends whose session is over. */
export interface Ending {
  readonly news: RefreshNews
  /** For people, and for callers who are told nothing else; none when nothing has failed. */
  readonly error?: KeyturnError
  /** For callers. */
  readonly thrown?: KeyturnError | false
  /** To be done once all of that is told. */
  readonly after?: () => unknown
}

/** Signs people in again, step by step. */
export interface SignIn {
  readonly leaving: () => KeyturnError | null
  /** Whether the session need not be asked first. */
  direct(trigger: Trigger): boolean
  /** What a hidden frame says; null where none is wanted. */
  frame(signal: AbortSignal): Promise<string | null>
  /** The session is over, for this reason of the server's; said: by the frame. */
  end(trigger: Trigger, code: string, said: string | null, signal: AbortSignal): Promise<Ending>
  /** Goes to the sign-in of whoever wants to; resolves once the page is being left, or the app has said no. */
  begin(prompt?: string): Promise<void>
  /** The address of sign-in. marker: for a refresh. */
  address(marker: boolean, more?: Readonly<Record<string, string>>): string
  /** The page that sign-in comes back to. */
  callback(): string
  /** The user is gone, or another one is there. */
  cancel(): void
}

/** A tab is not sent to sign-in more often by itself. */
const againMs = 300_000

/** What a user is told whom the provider wants to see. */
export const expired = 'Your authentication session has expired. Please log in again.'

/** stuck hears that the page could not be left; off: sign-in is not this client's, or is just being handled. */
export function createSignIn(
  core: Core, vault: Vault, guard: Guard, ring: string, loginUrl: string,
  settings: () => Settings, off: () => boolean, log: (line: string) => void, stuck: (trigger: Trigger) => void,
): SignIn {
  const { scope, wall } = core
  // When this tab has last been sent to sign-in for a session that was over.
  const sent = createMark(core, `keyturn:sent:${ring}`)
  const redirector = createRedirector(core, () => settings().onBeforeRedirect, log)
  let life = new AbortController()
  // The user whose session has ended here; one who wants a new token may be signed in anew.
  let ended: ReturnType<Vault['who']> = null
  // The app has put off what a 403 needs; the user may ask for it.
  let owed = false

  const mode = (): SignInMode => {
    const { signIn } = settings()
    // A page in a frame is not left: sign-in pages refuse to be framed.
    return off() || signIn === 'off' ? 'off' : scope.top === scope.self ? signIn : 'silent'
  }
  const callback = (): string => `${scope.location!.origin}${settings().basePath}callback`
  const address = (marker: boolean, more?: object | false | ''): string => {
    const { provider, audience } = settings()
    const who = vault.who() ?? ended
    const url = new URL(loginUrl)
    for (const [name, value] of Object.entries({
      // The provider and the audience that the user has now; the server remembers them as long as the session lives.
      provider: provider || ((marker && /^([\w-]+)\|/.exec(who?.sub ?? '')?.[1]) || ''),
      aud: audience || `${[(marker && who?.payload?.aud) || ''].flat()[0]}`,
      redirect_uri: callback() + (marker ? '?refresh=true' : ''),
      ...more,
    })) url.searchParams.set(name, value)
    return url.href
  }

  /** Leaves the page; false when the app has said no. */
  const leave = async (reason: Redirect['reason'], trigger: Trigger, more: object | false | '' | undefined, signal = life.signal): Promise<boolean> => {
    const { pathname, search, hash } = scope.location!
    const again = reason === 'refresh'
    const gone = await redirector.go({
      reason, asked: wished(trigger), url: address(again, more),
      returnTo: again ? pathname + search + hash : settings().defaultReturnPath,
    }, signal, () => {
      // A 403 has not had its refresh.
      if (trigger === '403') guard.spend('')
      stuck(trigger)
    })
    owed = !gone && trigger === '403'
    // The page runs on until it is gone. What a 403 has been refreshed for is noted by its claims.
    if (gone && again && trigger !== '403') sent.write(`${wall()}`)
    return gone
  }

  return {
    callback, address,
    leaving: redirector.leaving,
    direct: (trigger) => (trigger === '403' || (owed && trigger === 'manual')) && mode() === 'redirect' && !!vault.who(),
    frame: async (signal) => (/^(silent|auto)$/.test(mode()) && vault.who()
      ? askFrame(core, address(true, { prompt: 'none', mode: 'frame' }), signal) : null),
    async end(trigger, code, said, signal) {
      const visible = scope.document.visibilityState !== 'hidden'
      const known = !!(vault.who() || (ended && trigger === 'manual'))
      const recent = trigger !== '403' && !wished(trigger) && Math.abs(wall() - +sent.read()) < againMs
      const standing = { mode: mode(), trigger, known, visible, said, recent }
      const fail = (reason: string, message: string): Ending =>
        ({ news: { phase: 'failed', trigger, code: reason }, error: new KeyturnError('refresh_failed', message) })
      const way = nextWay(standing)
      switch (way) {
        case Way.redirect:
          if (await leave('refresh', trigger, wantsUser.test(said!) && { prompt: 'none' }, signal)) {
            return { news: { phase: 'redirecting', trigger }, thrown: redirector.leaving() ?? signedOut() }
          }
          return fail('redirect_refused', 'the app keeps the page: refresh by hand')
        case Way.later:
          return fail(code, 'the session is over: the next request signs in')
        case Way.mend:
          log(`JWT sign-in: the server answered ${said}. Fix: check provider and basePath, that its origins name ${scope.location!.origin}, and auth.providers there (keyturn check).`)
          return fail(said!, `sign-in: the server answered ${said}`)
        default: {
          const refused = way === Way.refused
          const who = vault.who() ?? ended
          if (refused) log('[Callback] Silent refresh failed (OIDC session expired)')
          return {
            news: { phase: 'ended', trigger, code: refused ? said! : code },
            error: refused ? new KeyturnError('unauthorized', expired) : new KeyturnError('session_ended', `the session is over (${code}): sign in again`),
            thrown: refused && new KeyturnError('unauthorized', 'UNAUTHORIZED'),
            after: () => (ended = who),
          }
        }
      }
    },
    async begin(prompt) {
      await leave('login', 'signin', prompt && { prompt })
    },
    cancel() {
      ended = null
      owed = false
      redirector.stay()
      life.abort(signedOut())
      life = new AbortController()
    },
  }
}
