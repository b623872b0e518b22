/** Makes an element of these properties; part is its class, and its name for an app's own `::part()`. */
export type Make = <K extends keyof HTMLElementTagNameMap>(
  name: K, part: string, props: Partial<HTMLElementTagNameMap[K]>, ...inner: (Node | string)[]
) => HTMLElementTagNameMap[K]

/** Screen readers announce what is put into a region that is there already; so long they need to notice the region, in ms. */
export const settleMs = 100

/** An element on the page that is left alone by the page's styles, and leaves its policy alone: looks come from a constructed sheet. */
export interface Shadow {
  readonly host: HTMLElement
  readonly root: ShadowRoot
  readonly make: Make
  /** Regions that are read aloud, at once and in turn. */
  readonly alert: HTMLElement
  readonly status: HTMLElement
}

/**
 * What the views have in common. An app changes it from outside: by custom properties (`--keyturn-bg`, `-fg`, `-accent`,
 * `-danger`, `-font`, `-radius`), by `::part()`, and, for one theme whatever the system says, by `color-scheme`.
 */
const style = `
:host{all:initial;color-scheme:light dark;font:14px/1.5 var(--keyturn-font,system-ui,sans-serif);--bg:var(--keyturn-bg,light-dark(#fff,#1f2126));--fg:var(--keyturn-fg,light-dark(#1b1d22,#eceef2));--accent:var(--keyturn-accent,light-dark(#0b57d0,#a8c7fa));--danger:var(--keyturn-danger,light-dark(#b3261e,#ff9c93));--tone:var(--danger);--r:var(--keyturn-radius,8px);--line:1px solid color-mix(in srgb,var(--fg) 25%,var(--bg))}
*{box-sizing:border-box;margin:0;font:inherit}
section{position:relative;padding:16px 18px;color:var(--fg);background:var(--bg);border:var(--line);border-inline-start:5px solid var(--tone);border-radius:var(--r);outline:0;overflow-wrap:anywhere}
h1,h2,h3,strong,[aria-current]{font-weight:600}
p,h3{margin-top:8px}
a{color:var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.spin::before{content:"";display:inline-block;width:.8em;height:.8em;margin-inline-end:.5em;vertical-align:-.1em;border:2px solid;border-inline-end-color:#0000;border-radius:50%}
@media (prefers-reduced-motion:no-preference){.spin::before{animation:s 1s linear infinite}}
@keyframes s{to{rotate:1turn}}`

/** Builds such an element, which is not on the page yet; more: the rest of its style. */
export function createShadow(page: Document, tag: string, more: string, lang: string, dir: string): Shadow {
  const { defaultView: win } = page
  // Pages may hide elements that nobody has defined.
  if (!win!.customElements.get(tag)) win!.customElements.define(tag, class extends win!.HTMLElement {})
  const make: Make = (name, part, props, ...inner) => {
    const made = Object.assign(page.createElement(name), props)
    if (part) made.setAttribute('part', (made.className = part))
    made.append(...inner)
    return made
  }
  const host = Object.assign(page.createElement(tag), { lang, dir })
  const root = host.attachShadow({ mode: 'open' })
  const sheet = new win!.CSSStyleSheet()
  sheet.replaceSync(style + more)
  root.adoptedStyleSheets = [sheet]
  return { host, root, make, alert: make('div', '', { role: 'alert' }), status: make('div', '', { role: 'status' }) }
}
