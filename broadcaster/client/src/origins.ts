/**
 * Where the token may go. An origin is named exactly, scheme, host and port; anything looser would hand the
 * bearer token to strangers.
 */

/** Reads a list of origins, separated by commas or spaces; `self` is the page's own. Throws on anything else. */
export function parseOrigins(list: string, base: string): readonly string[] {
  return list.split(/[\s,]+/).filter(Boolean).map((name) => {
    const origin = /^(self|https?:\/\/[^/?#@*]+\/?)$/i.test(name) && new URL(name === 'self' ? base : name).origin
    if (!origin) throw new TypeError(`read origins: ${name} is no origin: write it like https://api.example.com`)
    return origin
  })
}

/** Endpoints beside the refresh endpoint whose refusals are answers, never a reason to refresh. */
const beside = ['', 'login', 'logout', 'callback', 'config-status']

/** The addresses, without their query, that never get a token and never cause a refresh. */
export function authEndpoints(refreshUrl: string, ...more: string[]): readonly string[] {
  return [refreshUrl, ...more, ...beside.map((name) => new URL(name, refreshUrl).href)].map(bare)
}

/** An address without query and fragment. */
export function bare(url: string): string {
  return url.replace(/[?#].*/s, '')
}
