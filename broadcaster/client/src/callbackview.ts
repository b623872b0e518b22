import { createShadow, settleMs } from './shadow'

/** What a user sees of the callback page. */
export interface CallbackView {
  /** The sign-in is under way. */
  busy(): void
  /** It has failed: why, as text, and where to begin anew. */
  fail(detail: string, login: string): void
  /** Takes it off the page. */
  remove(): void
}

const style = `
:host{display:flex;flex-direction:column;align-items:center;justify-content:center;padding:16px;min-height:12em;font-size:16px;color:var(--fg);background:var(--bg)}
:host([whole]){position:fixed;inset:0;z-index:2147483646;overflow:auto}
.spin{display:flex;align-items:center}
.spin::before{width:24px;height:24px;border-width:3px;color:var(--accent)}
[role=alert]{width:100%;max-width:480px}
h1{font-size:20px}
a{display:inline-block;margin-top:8px;padding:6px 0}`

/** Draws into element, or over the whole page. Text goes in as text alone. */
export function createCallbackView(page: Document, element?: Element | null): CallbackView {
  const { host, root, make, alert, status } = createShadow(page, 'keyturn-callback', style, 'en', 'ltr')
  host.toggleAttribute('whole', !element)
  root.append(status, alert)
  ;(element ?? page.body ?? page.documentElement).append(host)

  return {
    busy: () => void setTimeout(() => {
      if (alert.firstChild) return
      status.className = 'spin'
      status.textContent = 'Signing you in...'
    }, settleMs),
    fail(detail, login) {
      status.className = status.textContent = ''
      alert.replaceChildren(make('section', 'panel', {},
        make('h1', 'title', {}, 'Authentication Error'), make('p', 'text', {}, detail), make('a', 'link', { href: login }, 'Return to login')))
    },
    remove: () => host.remove(),
  }
}
