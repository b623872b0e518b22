import { installCompat } from './compat'
import { insides } from './inside'
import { installFetch } from './install'
import { createKeyturn } from './keyturn'
import type { Exposure, Manager } from './manager'
import { createManager, expose } from './manager'
import { mountNotice } from './notice'
import { watchUnsaved } from './notice/unsaved'
// Beside the notice, which it looks like: what is alike packs better together.
import { handleCallback } from './callback'
import type { Scope } from './scope'
import type { Settings } from './settings'
import { installXhr } from './xhr'

/** Text, and the address that its last word may be. */
function contactOf(written = ''): { readonly text: string; readonly url: string } | null {
  const [, text, url = ''] = /^(.*?)\s*((?:https?:|mailto:|\/)\S+)?$/s.exec(written.trim())!
  return text || url ? { text: text || url.replace('mailto:', ''), url } : null
}

/**
 * Starts a client as the script's own tag says, or, where the script is a module, as `<meta name="keyturn" data-…>`
 * says: client, patches, console object and notice. Undefined, with a line in the console, where neither is on the
 * page, or a client runs already. An address that is written out starts from the page, as in any attribute;
 * without one it is beside the script.
 */
export function start(scope?: Scope): Manager | undefined {
  const script = document.currentScript as HTMLScriptElement | null
  const tag = script ?? document.querySelector<HTMLElement>('meta[name=keyturn]')
  const mark = Symbol.for('keyturn.started')
  if (!tag || mark in window) {
    console.warn('🔄 keyturn: not started: one classic script tag a page, please')
    return
  }
  const { ring, origins, refresh, logout, stream, manual, debug, public: open, notice, console: shown, lang, config, contact,
    signin, login, base, home, provider, audience, callbackDelay } = tag.dataset
  const at = (written: string | undefined, usual: string): string => (written ?? new URL(usual, script?.src ?? document.baseURI).href)
  const unsaved = watchUnsaved(document)
  const keyturn = createKeyturn({
    ring, origins,
    streamUrl: at(stream, '/v1/stream'),
    refreshUrl: at(refresh, '/auth/refresh'),
    logoutUrl: logout,
    loginUrl: login,
    manual: manual !== undefined,
    public: open !== undefined,
    settings: {
      debug: debug !== undefined, language: lang ?? '', contact: contactOf(contact),
      // What is missing, or will not do, becomes the default.
      signIn: signin as Settings['signIn'], basePath: base!, defaultReturnPath: home!, provider: provider!, audience: audience!,
      callbackDelayMs: +(callbackDelay ?? NaN),
      // What a user has entered is not lost to a sign-in that they have not asked for.
      onBeforeRedirect: ({ asked }) => asked || !unsaved.any(),
    },
  }, scope)
  Object.defineProperty(window, mark, { value: true })
  const manager = createManager(keyturn)
  expose(manager, shown as Exposure, window)
  if (config !== undefined) installCompat(keyturn, config || undefined, window)
  if (origins !== undefined) {
    installFetch(keyturn)
    installXhr(keyturn)
  }
  if (insides().get(keyturn)!.arriving()) void handleCallback(keyturn)
  else if (notice !== 'off') mountNotice(manager, { logout: true })
  return manager
}
