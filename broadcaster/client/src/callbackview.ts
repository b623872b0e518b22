/** What a user sees of the callback page. */
export interface CallbackView {
  /** The sign-in is under way. */
  busy(): void
  /** It has failed: why, as text, and where to begin anew. */
  fail(detail: string, login: string): void
}

const style = `
:host{all:initial;display:flex;flex-direction:column;align-items:center;justify-content:center;box-sizing:border-box;padding:16px;min-height:12em;color-scheme:light dark;font:16px/1.5 var(--keyturn-font,system-ui,sans-serif);--bg:var(--keyturn-bg,light-dark(#fff,#1f2126));--fg:var(--keyturn-fg,light-dark(#1b1d22,#eceef2));--accent:var(--keyturn-accent,light-dark(#0b57d0,#a8c7fa));--danger:var(--keyturn-danger,light-dark(#b3261e,#ff9c93));color:var(--fg);background:var(--bg)}
:host([whole]){position:fixed;inset:0;z-index:2147483646;overflow:auto}
*{box-sizing:border-box;margin:0}
[role=status]:not(:empty){display:flex;align-items:center;gap:12px}
[role=status]:not(:empty)::before{content:"";flex:none;width:24px;height:24px;border:3px solid var(--accent);border-inline-end-color:#0000;border-radius:50%}
section{max-width:480px;width:100%;padding:20px 24px;border:1px solid color-mix(in srgb,var(--fg) 25%,var(--bg));border-inline-start:5px solid var(--danger);border-radius:var(--keyturn-radius,8px);overflow-wrap:anywhere}
h1{font-size:20px;font-weight:600}
p{margin-block:8px 16px}
a{display:inline-block;padding:6px 0;color:var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
@media (prefers-reduced-motion:no-preference){[role=status]:not(:empty)::before{animation:s 1s linear infinite}}
@keyframes s{to{rotate:1turn}}
@media (max-width:30rem){section{padding:16px}}`

/** Screen readers announce what comes into a region that is there already; so long they need to notice it, in ms. */
const settleMs = 100

/** Draws into element, or over the whole page. Text goes in as text alone, and looks come from a constructed sheet. */
export function createCallbackView(page: Document, element?: Element | null): CallbackView {
  const { defaultView: win } = page
  const tag = 'keyturn-callback'
  if (!win!.customElements.get(tag)) win!.customElements.define(tag, class extends win!.HTMLElement {})
  const make = <K extends keyof HTMLElementTagNameMap>(name: K, props: Partial<HTMLElementTagNameMap[K]>, ...inner: (Node | string)[]): HTMLElementTagNameMap[K] => {
    const made = Object.assign(page.createElement(name), props)
    made.append(...inner)
    return made
  }
  const host = page.createElement(tag)
  Object.assign(host, { lang: 'en', dir: 'ltr' })
  host.toggleAttribute('whole', !element)
  const root = host.attachShadow({ mode: 'open' })
  const sheet = new win!.CSSStyleSheet()
  sheet.replaceSync(style)
  root.adoptedStyleSheets = [sheet]
  const status = make('div', { role: 'status' })
  const alert = make('div', { role: 'alert' })
  root.append(status, alert)
  ;(element ?? page.body ?? page.documentElement).append(host)

  return {
    busy: () => void setTimeout(() => {
      if (!alert.firstChild) status.textContent = 'Signing you in...'
    }, settleMs),
    fail(detail, login) {
      status.textContent = ''
      alert.replaceChildren(make('section', {},
        make('h1', {}, 'Authentication Error'), make('p', {}, detail), make('a', { href: login }, 'Return to login')))
    },
  }
}
