/**
 * Where the token may go. An origin is named exactly, scheme, host and port; anything looser would hand the
 * bearer token to strangers.
 */

/** Reads a list of origins, separated by commas or spaces; `self` is the page's own. Throws on anything else. */
export function parseOrigins(list: string | readonly string[], base: string): readonly string[] {
  const names = typeof list === 'string' ? list.split(/[\s,]+/) : list
  return names.filter(Boolean).map((name) => {
    if (name === 'self') return new URL(base).origin
    let url: URL | null = null
    try {
      url = new URL(name)
    } catch {
      // Answered below, like everything that is no origin.
    }
    if (!url || !/^https?:$/.test(url.protocol) || url.origin !== name.replace(/\/$/, '').toLowerCase()) {
      throw new TypeError(`read origins: ${JSON.stringify(name)} is no origin: write it like https://api.example.com`)
    }
    return url.origin
  })
}

/** Endpoints beside the refresh endpoint whose refusals are answers, never a reason to refresh. */
const names = ['refresh', 'login', 'logout', 'callback', 'config-status']

/** Whether a request is one to carry the token. */
export function isProtected(url: URL, origins: readonly string[], authEndpoints: readonly string[]): boolean {
  return origins.includes(url.origin) && !authEndpoints.includes(url.origin + url.pathname)
}

/** The endpoints that a refresh endpoint implies, as origin and path. */
export function authEndpointsOf(refreshUrl: string, logoutUrl: string): readonly string[] {
  return [refreshUrl, logoutUrl, ...names.map((name) => new URL(name, refreshUrl).href)].map((address) => {
    const { origin, pathname } = new URL(address)
    return origin + pathname
  })
}
