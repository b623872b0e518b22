import type { Config } from '../config'
import type { Episode } from '../episodes'
import { plain } from '../plain'
import type { Settings } from '../settings'
import { createClaim } from './claim'
import { diagnostics, write } from './diagnostics'
import type { Happening } from './machine'
import { initial, next } from './machine'
import type { Contact, Panel } from './panel'
import { createPanel } from './panel'
import type { Texts } from './texts'
import { wording } from './texts'
import { watchUnsaved } from './unsaved'

export type { Contact } from './panel'
export type { Texts } from './texts'

/** The part of a manager that the notice uses. What is missing is not offered, or fails when it is clicked. */
export interface NoticeManager {
  on(event: 'episode', listener: (episode: Episode) => void): () => void
  getConfig?(): Pick<Config, 'successDismissMs' | 'notifyOnSuccess' | 'contact' | 'language'>
  clearCache?(): unknown
  refreshToken?(): Promise<unknown>
  hardRefresh?(): unknown
  logout?(): Promise<unknown>
  getDebugInfo?(): unknown
  noticed?(): void
}

/** How the notice looks and speaks. What is left out comes from the manager's settings, where there is such a setting. */
export interface NoticeOptions {
  /** BCP 47 tag: en, de, ar, or another one that `texts` speaks. Default: the setting, then the page's `lang`, then English. */
  readonly language?: string
  /** Texts that replace the notice's own, one by one. */
  readonly texts?: Partial<Texts>
  /** Corner or edge; start and end follow the language. Default `bottom-end`. */
  readonly placement?: 'top-start' | 'top-center' | 'top-end' | 'bottom-start' | 'bottom-center' | 'bottom-end'
  /** Whom a user can turn to. */
  readonly contact?: Contact | null
  /** How long a success stays, in ms. */
  readonly successDismissMs?: number
  readonly notifyOnSuccess?: Settings['notifyOnSuccess']
  /** Whether leaving the page would lose something; asked before a hard refresh. Default: a look at the page's forms. */
  readonly isDirty?: () => boolean
  /** Offers to log out where access was denied. */
  readonly logout?: boolean
}

/** A reload that was asked for has happened after so long, in ms, or it will not. */
const stayMs = 5000
/** A page that is being left for a sign-in is gone after so long, in ms, or it stays. */
const leaveMs = 11_000

/**
 * Shows people what the client could not mend, and what they can do about it; `manager` may be a function that says
 * who it is now. There is no element on the page while there is nothing to say. Returns what takes the notice away.
 */
export function mountNotice(
  manager: NoticeManager | null | undefined | (() => NoticeManager | null | undefined), options: NoticeOptions = {}, page: Document = document,
): () => void {
  const get = typeof manager === 'function' ? manager : () => manager
  const config = (): NoticeOptions => ({ ...get()?.getConfig?.(), ...options })
  const unsaved = watchUnsaved(page)
  let state = initial
  let panel: Panel | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  const dispatch = (happening: Happening): void => {
    const { panel: before } = state
    state = next(state, happening)
    const { panel: now } = state
    if (now !== before) {
      clearTimeout(timer)
      if (now === 'success') timer = setTimeout(() => dispatch({ what: 'over' }), config().successDismissMs ?? 3000)
    }
    claim.want(now !== 'hidden')
  }
  const claim = createClaim('keyturn:notice', page, () => {
    if (claim.mine()) {
      if (!panel) get()?.noticed?.()
      panel ??= build()
      panel.render(state)
    } else {
      panel?.remove()
      panel = null
    }
  }, () => dispatch({ what: 'elsewhere' }))

  /** Does what a click asks for, once at a time, and shows how it went. */
  const run = async (busy: 'refresh' | 'hard', missing: string, job: (manager: NoticeManager) => unknown): Promise<void> => {
    if (state.busy) return
    dispatch({ what: 'busy', busy })
    try {
      const now = get()
      if (!now?.[busy === 'refresh' ? 'refreshToken' : 'hardRefresh']) throw new Error(missing)
      await job(now)
      if (busy === 'refresh') dispatch({ what: 'refreshed' })
      // A page that is still here has asked its user, who wanted to stay.
      else timer = setTimeout(() => dispatch({ what: 'failed', error: '' }), stayMs)
    } catch (error) {
      // The page is being left for a sign-in, and comes back.
      if ((error as { code?: string } | null)?.code === 'redirecting') timer = setTimeout(() => dispatch({ what: 'failed', error: '' }), leaveMs)
      else dispatch({ what: 'failed', error: plain((error as Error | null)?.message || error) })
    }
  }

  const build = (): Panel => {
    const { texts, contact = null, placement = 'bottom-end', language, isDirty = unsaved.any, logout } = config()
    const words = wording(language || page.documentElement.lang, texts)
    const { missing } = words.texts
    return createPanel(page, words, contact, placement, {
      refresh: () => void run('refresh', missing, async (now) => {
        await now.clearCache?.()
        await now.refreshToken!()
      }),
      hard: () => {
        if (!state.unsaved && isDirty()) dispatch({ what: 'unsaved' })
        else void run('hard', missing, (now) => now.hardRefresh!())
      },
      dismiss: () => {
        if (state.panel === 'warning') claim.dismiss()
        dispatch({ what: 'dismiss' })
      },
      toggle: () => dispatch({ what: 'toggle' }),
      logout: logout ? () => {
        dispatch({ what: 'dismiss' })
        get()?.logout?.().catch(() => {})
      } : null,
      copy: () => write(page, diagnostics(get()?.getDebugInfo?.(), page)),
    })
  }

  const off = get()?.on('episode', (episode) => {
    dispatch({ what: 'episode', episode, notify: config().notifyOnSuccess ?? 'auto' })
  })
  return () => {
    off?.()
    clearTimeout(timer)
    claim.close()
    unsaved.stop()
  }
}
