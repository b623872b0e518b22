import { installFetch } from './install'
import { createKeyturn } from './keyturn'

/**
 * Reads the script tag, starts the client and defines `window.keyturn`. The only module with a side effect.
 * An address that is written out starts from the page, as in any attribute; without one it is beside the script.
 */
const script = document.currentScript as HTMLScriptElement | null
if (!script || 'keyturn' in window) {
  console.warn('🔄 keyturn: not started: one classic script tag a page, please')
} else {
  const { ring, origins, refresh, logout, stream, manual, debug, public: open } = script.dataset
  const at = (written: string | undefined, usual: string): string => (written ?? new URL(usual, script.src).href)
  const keyturn = createKeyturn({
    ring, origins,
    streamUrl: at(stream, '/v1/stream'),
    refreshUrl: at(refresh, '/auth/refresh'),
    logoutUrl: logout,
    manual: manual !== undefined,
    public: open !== undefined,
    settings: { debug: debug !== undefined },
  })
  Object.defineProperty(window, 'keyturn', { value: keyturn })
  if (origins !== undefined) installFetch(keyturn)
}
