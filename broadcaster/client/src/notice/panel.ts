import { createShadow, settleMs } from '../shadow'
import type { State } from './machine'
import { view } from './machine'
import { style } from './style'
import type { Wording } from './texts'

/** What a user does in the notice. */
export interface Clicks {
  readonly refresh: () => void
  readonly hard: () => void
  readonly dismiss: () => void
  readonly toggle: () => void
  /** Null: there is no such button. */
  readonly logout: (() => void) | null
  /** Copies the diagnostics; resolves with what has to be copied by hand, '' when nothing has. */
  readonly copy: () => Promise<string>
}

export interface Contact {
  readonly text: string
  readonly url?: string
}

/** The notice on the page. */
export interface Panel {
  /** Shows a state; the first one is announced to screen readers as well. */
  render(state: State): void
  /** Takes it off the page, and gives the focus back if it was inside. */
  remove(): void
}

/** Builds the notice. Text goes in as text alone, and looks come from a constructed sheet: a strict policy allows both. */
export function createPanel(page: Document, { texts, lang, dir }: Wording, contact: Contact | null, placement: string, clicks: Clicks): Panel {
  const { defaultView: win } = page
  const { host, root, make, alert, status } = createShadow(page, 'keyturn-notice', style, lang, dir)
  const button = (part: string, text: string, onclick: () => void): HTMLButtonElement =>
    make('button', `button ${part}`, { type: 'button', onclick }, text)

  host.popover = 'manual'
  host.setAttribute('placement', placement)

  const refresh = button('refresh', '', clicks.refresh)
  const hard = button('hard', texts.hard, clicks.hard)
  const logout = button('logout', texts.logout, clicks.logout ?? clicks.dismiss)
  const dismiss = button('dismiss', texts.dismiss, clicks.dismiss)
  const close = make('button', 'x', { type: 'button', onclick: clicks.dismiss, ariaLabel: texts.close }, '×')
  const more = make('button', 'link', { type: 'button', onclick: clicks.toggle }, `${texts.more} `, make('span', '', { ariaHidden: 'true' }, '▼'))
  const area = make('textarea', '', { readOnly: true, hidden: true, ariaLabel: texts.copy, dir: 'ltr' })
  const copy = button('copy', texts.copy, async () => {
    area.value = await clicks.copy()
    area.hidden = !area.value
    area.focus()
    area.select()
    if (area.hidden || page.execCommand('copy')) status.textContent = copy.textContent = texts.copied
  })
  const keys = keyList(texts.keys).map(([platform, chord], i) => {
    const item = make('li', '', {}, `${platform}: `, make('kbd', '', {}, chord))
    if (i === platformOf(win!.navigator)) item.ariaCurrent = 'true'
    return item
  })
  const help = [texts.what, texts.solutions, texts.expected].flatMap((text, i) => {
    const [heading, ...items] = text.split('|')
    const list = make('ul', '', {}, ...items.map((item) => make('li', '', {}, item)))
    if (i === 1) list.lastChild!.appendChild(make('ul', '', {}, ...keys))
    return [make('h3', '', {}, heading!), list]
  })
  const details = make('div', 'details', { id: 'more' }, ...help)
  const foot = make('div', 'row', {}, copy)
  if (contact) foot.prepend(contact.url ? make('a', '', { href: contact.url, textContent: contact.text }) : contact.text)
  const actions = make('div', 'row actions', {}, refresh, hard, logout, dismiss)
  const panel = make('section', 'panel', { tabIndex: -1 }, alert, status)
  root.append(panel)
  more.setAttribute('aria-controls', 'more')

  // Where the focus was before it came in here.
  let before: EventTarget | null = null
  host.addEventListener('focusin', (event) => {
    before ??= event.relatedTarget
  })
  root.addEventListener('keydown', (event) => {
    if ((event as KeyboardEvent).key !== 'Escape' || refresh.disabled) return
    event.preventDefault()
    event.stopPropagation()
    clicks.dismiss()
  })

  const fill = (state: State): void => {
    const now = view(state)
    const { busy, error, detail, expanded } = state
    const good = now === 'success'
    const denied = now === 'denied'
    const warns = !good && !denied
    const focused = root.activeElement
    if (!close.isConnected) panel.append(close, actions, more, details, foot, area)
    panel.dataset.view = now
    panel.ariaLabel = good ? texts.done : denied ? texts.denied : texts.title
    say(alert, good ? [] : [
      make('h2', 'title', {}, panel.ariaLabel),
      make('p', 'text', {}, denied ? detail || texts.deniedBody : texts.body),
      ...(warns && state.hard ? [make('p', 'prompt', {}, `${texts.prompt} `, keys[platformOf(win!.navigator)]!.lastChild!.cloneNode(true))] : []),
      ...(error ? [make('div', 'box', {}, make('strong', '', {}, texts.failed), make('p', '', {}, error))] : []),
      ...(state.unsaved ? [make('div', 'box', {}, texts.unsaved)] : []),
    ])
    say(status, good ? [make('h2', 'title', {}, texts.done), make('p', 'text', {}, texts.doneBody)] : busy ? [texts.refreshing] : [])
    status.className = busy ? 'sr' : ''
    refresh.textContent = busy === 'refresh' ? texts.refreshing : texts.refresh
    refresh.classList.toggle('spin', busy === 'refresh')
    hard.classList.toggle('spin', busy === 'hard')
    refresh.classList.toggle('primary', !state.hard)
    hard.classList.toggle('primary', state.hard)
    for (const b of [refresh, hard, dismiss, close]) b.disabled = !!busy
    actions.hidden = good
    refresh.hidden = hard.hidden = more.hidden = !warns
    logout.hidden = !denied || !clicks.logout
    details.hidden = !warns || !expanded
    foot.hidden = !denied && details.hidden
    more.ariaExpanded = String(expanded)
    // The control that had the focus is gone or off; the keyboard stays in the notice.
    if (focused?.matches(':disabled,[hidden],[hidden] *')) panel.focus()
  }

  let latest: State
  const render = (state: State): void => {
    latest = state
    // What is outside an open modal dialog can't be used.
    const home = page.querySelector('dialog:modal') ?? page.body ?? page.documentElement
    if (host.parentNode !== home) {
      home.append(host)
      host.showPopover?.()
      home.addEventListener('close', () => host.isConnected && render(latest), { once: true })
    }
    if (close.isConnected) fill(state)
    else setTimeout(() => host.isConnected && fill(latest), settleMs)
  }
  return {
    render,
    remove() {
      const inside = root.activeElement
      host.remove()
      if (inside && before instanceof win!.HTMLElement) before.focus()
    },
  }
}

/** Puts something into a live region, unless that is what it says already: each change is read aloud. */
function say(region: HTMLElement, parts: (Node | string)[]): void {
  const next = region.cloneNode() as HTMLElement
  next.append(...parts)
  if (!next.isEqualNode(region)) region.replaceChildren(...next.childNodes)
}

const keyList = (text: string): [string, string][] => text.split('|').map((line) => line.split(': ') as [string, string])

/** Whose keys a user presses: 0 Windows and Linux, 1 Mac, 2 Safari. */
export function platformOf({ platform, userAgent }: { readonly platform: string; readonly userAgent: string }): 0 | 1 | 2 {
  return !/^(Mac|iP)/.test(platform) ? 0 : /Safari/.test(userAgent) && !/Chrom|CriOS|FxiOS|Edg/.test(userAgent) ? 2 : 1
}
