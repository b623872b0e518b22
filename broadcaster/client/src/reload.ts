import type { Inside } from './inside'
import { hardKey } from './stats'

/**
 * A reload past all caches. A plain reload honours the HTTP cache and keeps service workers and Cache Storage, and
 * no script can press Ctrl + Shift + R: so each of these is emptied by hand. Cookies and storage stay.
 */

/** The part of a window that a hard refresh uses; what a browser does not have is passed over. */
export interface ReloadScope {
  readonly location: { readonly href: string; replace(url: string): void }
  readonly history: { readonly state: unknown; replaceState(state: unknown, unused: string, url: string): void }
  readonly caches?: { keys(): Promise<readonly string[]>; delete(name: string): Promise<boolean> }
  readonly navigator: {
    readonly serviceWorker?: { readonly controller?: unknown; getRegistrations(): Promise<readonly { unregister(): Promise<boolean> }[]> }
  }
  readonly performance: { getEntriesByType?(type: string): readonly { readonly name: string; readonly initiatorType?: string }[] }
}

const parameter = 'keyturn-reload'

/** An address with a parameter that no cache has seen; the rest of it stays letter by letter. */
export function busted(href: string, unique: number): string {
  const [address, ...hash] = href.split('#') as [string, ...string[]]
  return [`${address}${address.includes('?') ? '&' : '?'}${parameter}=${unique}`, ...hash].join('#')
}

/** The address as it was before. */
export function unbusted(href: string): string {
  return href.replace(new RegExp(`[?&]${parameter}=-?\\d+(?=#|$)`), '')
}

/** Takes the parameter of a hard refresh off the page's address again. True: the hard refresh has a second half to come. */
export function tidyAddress({ location, history }: Partial<ReloadScope>): boolean {
  const { href = '' } = location ?? {}
  const tidy = unbusted(href)
  if (!history || tidy === href) return false
  history.replaceState(history.state, '', tidy)
  return href.includes(`${parameter}=-`)
}

/** Longest time that emptying the caches may take, in ms; then the page is reloaded as it is. */
const limitMs = 5_000
/** Most files of the page that are fetched anew. */
const most = 200

/**
 * Reloads the page past all caches. Whatever of it fails, the reload happens. What a page fetches under a worker is no
 * news to the browser's memory of its scripts, and an unregistered worker stays with its page: such a page is loaded
 * twice, and `rest` is what the first load does, without the worker.
 */
export async function hardRefresh({ core, send, count, report, clear, log }: Inside, rest = false): Promise<void> {
  const scope = core.scope as unknown as ReloadScope
  const { location: { href }, caches, navigator: { serviceWorker }, performance } = scope
  const twice = !rest && !!serviceWorker?.controller
  if (!rest) {
    count('hard')
    report({ what: 'hardrefresh' })
    core.write('sessionStorage', hardKey, `${+core.read('sessionStorage', hardKey) + 1}`)
    log('Hard refresh: emptying the caches, then JWT and page are loaded anew')
    clear()
  }
  const { origin } = new URL(href)
  // Scripts, styles, and whatever else looks like a file: a configuration that the app fetched.
  const files = (performance.getEntriesByType?.('resource') ?? []).filter(({ name, initiatorType }) => {
    const url = new URL(name)
    return url.origin === origin && (/^(script|link|css)$/.test(initiatorType ?? '') || /\.\w+$/.test(url.pathname))
  })
  const fresh = (url: string): Promise<unknown> => send(url, { cache: 'reload', credentials: 'include' })
  const each = <T>(list: Promise<readonly T[]> | undefined, job: (one: T) => Promise<unknown>): Promise<unknown> | undefined =>
    list?.then((all) => Promise.allSettled(all.map(job)))
  const emptied = async (): Promise<void> => {
    // First the workers, which would answer from their caches what is fetched next.
    await Promise.allSettled([
      each(serviceWorker?.getRegistrations(), (worker) => worker.unregister()),
      each(caches?.keys(), (name) => caches!.delete(name)),
    ])
    await Promise.allSettled([href, ...new Set(files.slice(0, most).map(({ name }) => name))].map(fresh))
  }
  await Promise.race([emptied().catch(() => {}), core.pause(limitMs)])
  scope.location.replace(busted(href, twice ? -core.wall() : core.wall()))
}

/** What a page begins with: its address is tidied up, and the second half of a hard refresh waits until it has all of its files. */
export function resumeHardRefresh(inside: Inside): void {
  const { scope } = inside.core
  if (!tidyAddress(scope as unknown as ReloadScope)) return
  const rest = (): void => void hardRefresh(inside, true)
  if ((scope.document as Partial<Document>).readyState === 'complete') rest()
  else scope.addEventListener('load', rest)
}
