/**
 * The place of the page that a redirect to sign-in leaves, and comes back to: path, query and hash, in the storage
 * of the tab.
 */

/** Where the place is kept; the first that holds one counts. The older name is honoured, and never written. */
export const placeKeys = ['postRefreshUrl', 'postLoginUrl'] as const

/** An address as routes are compared: letters as they are meant, without case and closing slashes. */
const route = ({ origin, pathname }: URL): string => {
  let path = pathname
  try {
    path = decodeURIComponent(pathname)
  } catch {
    // A lone % stands for itself.
  }
  return `${origin}${path}`.toLowerCase().replace(/\/+$/, '')
}

/**
 * A kept place that may be gone to, letter by letter as it was kept; null for any other: whatever could write into
 * the tab's storage must not choose where the user ends up. It is a path of this origin by the browser's own parser,
 * begins with exactly one slash, and is none of the routes of sign-in, which would lead in a circle.
 */
export function goodPlace(kept: string, origin: string, routes: readonly string[]): string | null {
  // Browsers drop some control characters and take a backslash for a slash.
  if (!/^\/(?!\/)[^\\\p{Cc}]*$/u.test(kept)) return null
  try {
    const url = new URL(kept, origin)
    if (url.origin !== origin || url.pathname.startsWith('//')) return null
    return routes.some((one) => route(new URL(one, origin)) === route(url)) ? null : kept
  } catch {
    return null
  }
}
