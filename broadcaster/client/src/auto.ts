import { installFetch } from './install'
import type { Keyturn, Options } from './keyturn'
import { createKeyturn } from './keyturn'

/** Reads the script tag, starts the client and defines `window.keyturn`. The only module with a side effect. */

declare global {
  interface Window {
    readonly keyturn: Keyturn
  }
}

/** Options of a script tag. Without an address of its own, an endpoint is beside the script. */
export function optionsOf(data: DOMStringMap, src: string, base: string): Options {
  const { ring = '', origins, refresh, logout, stream } = data
  const at = (written: string | undefined, usual: string): string =>
    new URL(written ?? usual, written === undefined ? src : base).href
  return {
    ring,
    ...(origins === undefined ? {} : { origins }),
    streamUrl: at(stream, '/v1/stream'),
    refreshUrl: at(refresh, '/auth/refresh'),
    ...(logout === undefined ? {} : { logoutUrl: at(logout, '') }),
    manual: data.manual !== undefined,
    public: data.public !== undefined,
    debug: data.debug !== undefined,
  }
}

const script = globalThis.document?.currentScript
if (script instanceof HTMLScriptElement) {
  if (window.keyturn) {
    console.warn('🔄 keyturn: the script is on the page twice; the first one serves')
  } else {
    const keyturn = createKeyturn(optionsOf(script.dataset, script.src, document.baseURI))
    Object.defineProperty(window, 'keyturn', { value: keyturn, enumerable: true })
    if (script.dataset.origins !== undefined) installFetch(keyturn)
  }
}
