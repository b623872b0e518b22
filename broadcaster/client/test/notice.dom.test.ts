import { Window } from 'happy-dom'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Episode } from '../src/episodes'
import type { Manager } from '../src/manager'
import type { NoticeManager, NoticeOptions } from '../src/notice'
import { mountNotice } from '../src/notice'
import { createClaim } from '../src/notice/claim'
import { watchUnsaved } from '../src/notice/unsaved'
import { covers } from './covers'

const window = new Window({ url: 'https://app.test/' })
const document = window.document as unknown as Document
const { Event } = window as unknown as typeof globalThis

beforeEach(() => {
  vi.useFakeTimers()
  document.body.replaceChildren()
})
afterEach(() => { vi.useRealTimers() })

describe('unsaved changes', () => {
  const entered = (on: Element): boolean => on.dispatchEvent(new Event('input', { bubbles: true, composed: true }))
  const fields: [string, string, (field: any) => void, boolean][] = [
    ['a text as delivered', '<input value="a">', () => {}, false],
    ['a text set by a script', '<input>', (f) => { f.value = 'draft' }, true],
    ['a text area as delivered', '<textarea>a</textarea>', () => {}, false],
    ['a text area that was changed', '<textarea>a</textarea>', (f) => { f.value = 'b' }, true],
    ['a box as delivered', '<input type="checkbox" checked>', () => {}, false],
    ['a box that a user ticked', '<input type="checkbox">', (f) => { f.checked = true; entered(f) }, true],
    ['a box that a user ticked and cleared', '<input type="checkbox">', entered, false],
    ['a box that a script ticked', '<input type="checkbox">', (f) => { f.checked = true }, false],
    ['a slider as delivered', '<input type="range">', () => {}, false],
    ['a search', '<input type="search">', (f) => { f.value = 'words' }, false],
    ['a list as delivered', '<select><option>a<option>b</select>', () => {}, false],
    ['a list that a user changed', '<select><option>a<option>b</select>', (f) => { f.selectedIndex = 1; entered(f) }, true],
    ['a list that a user changed and turned back', '<select><option>a<option>b</select>', entered, false],
    ['a list that a script changed', '<select><option>a<option>b</select>', (f) => { f.selectedIndex = 1 }, false],
    ['the first entry of a list of many', '<select multiple><option>a<option>b</select>', (f) => { f.options[0].selected = true; entered(f) }, true],
    ['what a user typed and a framework took as its default', '<input>', (f) => {
      f.value = f.defaultValue = 'typed'
      entered(f)
    }, true],
    ['what a user typed and deleted', '<input>', entered, false],
  ]
  for (const [name, html, change, dirty] of fields) {
    test(`${name}: ${dirty ? 'would be lost' : 'nothing is lost'}`, () => {
      covers('NOT-21')
      document.body.innerHTML = html
      const unsaved = watchUnsaved(document)
      change(document.body.firstElementChild)
      expect(unsaved.any()).toBe(dirty)
      unsaved.stop()
    })
  }

  test('what was sent may stay in its fields; what comes after it counts', () => {
    covers('NOT-21')
    document.body.innerHTML = '<input id="far" form="f"><form id="f"><input id="near"><select><option>a<option>b</select></form><input id="other">'
    const unsaved = watchUnsaved(document)
    const find = (selector: string): any => document.querySelector(selector)
    const type = (on: any, text: string): void => {
      on.value = text
      entered(on)
    }
    for (const id of ['#far', '#near']) type(find(id), 'sent')
    find('select').selectedIndex = 1
    entered(find('select'))
    expect(unsaved.any()).toBe(true)
    find('form').dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
    expect(unsaved.any()).toBe(false)
    type(find('#near'), 'more')
    expect(unsaved.any()).toBe(true)
    find('form').dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
    expect(unsaved.any()).toBe(false)
    type(find('#other'), 'elsewhere')
    find('form').dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
    expect(unsaved.any()).toBe(true)
    unsaved.stop()
  })

  test('what was sent, or has left the page, is not lost any more', () => {
    covers('NOT-21')
    document.body.innerHTML = '<form><input></form><p contenteditable>text</p>'
    const unsaved = watchUnsaved(document)
    const [form, p] = [document.querySelector('form')!, document.querySelector('p')!]
    const input = form.querySelector('input')!
    input.value = input.defaultValue = 'typed'
    entered(input)
    form.dispatchEvent(new Event('submit', { bubbles: true }))
    expect(unsaved.any()).toBe(false)
    entered(p)
    expect(unsaved.any()).toBe(true)
    p.remove()
    expect(unsaved.any()).toBe(false)
    unsaved.stop()
  })
})

describe('one tab shows it', () => {
  /** Tabs of one browser; what they say arrives when it is delivered. */
  const browser = () => {
    const channels = new Set<{ onmessage: ((e: MessageEvent) => void) | null }>()
    const post: (() => void)[] = []
    vi.stubGlobal('BroadcastChannel', class {
      onmessage: ((e: MessageEvent) => void) | null = null
      constructor() { channels.add(this) }
      close() { channels.delete(this) }
      postMessage(data: unknown) {
        for (const other of channels) if (other !== this) post.push(() => other.onmessage?.({ data } as MessageEvent))
      }
    })
    const deliver = (): void => {
      for (let said = 0; post.length; said++) {
        expect(said, 'messages until they agree').toBeLessThan(500)
        post.shift()!()
      }
    }
    const tab = (me: number) => {
      const page = Object.assign(new window.EventTarget(), { visibilityState: 'visible' })
      const dismissed = vi.fn()
      const claim = createClaim('t', page as unknown as Document, () => {}, dismissed, me)
      const turn = (to: 'visible' | 'hidden'): void => {
        page.visibilityState = to
        page.dispatchEvent(new window.Event('visibilitychange'))
      }
      return { ...claim, dismissed, turn }
    }
    return { deliver, tab }
  }
  afterEach(() => { vi.unstubAllGlobals() })

  test('of eight that fail at once', () => {
    covers('NOT-18')
    const { deliver, tab } = browser()
    const tabs = Array.from({ length: 8 }, (_, i) => tab(((i * 5) % 8 + 1) / 8))
    for (const t of tabs) t.want(true)
    deliver()
    expect(tabs.filter((t) => t.mine()).length).toBe(1)
  })

  test('a hidden one leaves it to a visible one, and whoever comes to the front has it', () => {
    covers('NOT-18')
    const { deliver, tab } = browser()
    const [a, b] = [tab(0.1), tab(0.2)]
    a.turn('hidden')
    for (const t of [a, b]) t.want(true)
    deliver()
    expect([a.mine(), b.mine()]).toEqual([false, true])
    a.turn('visible')
    b.turn('hidden')
    deliver()
    expect([a.mine(), b.mine()]).toEqual([true, false])
  })

  test('one that closes hands it on, and a dismissal reaches the others alone', () => {
    covers('NOT-18', 'NOT-14')
    const { deliver, tab } = browser()
    const [a, b] = [tab(0.1), tab(0.2)]
    for (const t of [a, b]) t.want(true)
    deliver()
    a.dismiss()
    deliver()
    expect([a.dismissed.mock.calls.length, b.dismissed.mock.calls.length]).toEqual([0, 1])
    a.close()
    deliver()
    expect(b.mine()).toBe(true)
  })

  test('without a channel each tab is on its own', () => {
    covers('NOT-18')
    vi.stubGlobal('BroadcastChannel', undefined)
    const page = Object.assign(new window.EventTarget(), { visibilityState: 'visible' })
    const claim = createClaim('t', page as unknown as Document, () => {}, () => {})
    claim.want(true)
    claim.dismiss()
    expect(claim.mine()).toBe(true)
    claim.close()
  })
})

describe('mounted', () => {
  const failed: Episode = { id: 1, phase: 'failed', noticeable: true, failures: 1, outdated: false, code: '', message: '' }

  const mount = (own: Partial<NoticeManager> = {}, options: NoticeOptions = {}) => {
    let tell: (episode: Episode) => void = () => {}
    const manager: NoticeManager = {
      on: (_, listener) => {
        tell = listener
        return () => { tell = () => {} }
      },
      ...own,
    }
    const unmount = mountNotice(manager, options, document)
    const emit = (episode: Partial<Episode>, passes = 100): void => {
      tell({ ...failed, ...episode })
      vi.advanceTimersByTime(passes)
    }
    const host = (): Element | null => document.querySelector('keyturn-notice')
    const find = (selector: string): HTMLElement => host()!.shadowRoot!.querySelector<HTMLElement>(selector)!
    return { emit, host, find, unmount }
  }

  test('the real manager is one of those it works with', () => {
    const fits = (manager: Manager): NoticeManager => manager
    expect(fits).toBeTypeOf('function')
  })

  test('there is a live region before there is anything in it', () => {
    covers('NOT-19')
    const { host, find, unmount, emit } = mount()
    expect(host()).toBeNull()
    emit({ phase: 'open' })
    expect(host()).toBeNull()
    emit({}, 0)
    expect(find('[role=alert]').textContent).toBe('')
    vi.advanceTimersByTime(100)
    expect(find('[role=alert]').textContent).toContain('Token Issue')
    // What is said already is not said again.
    const said = find('h2')
    emit({ message: 'the same in other words' })
    expect(find('h2')).toBe(said)
    unmount()
    expect(host()).toBeNull()
  })

  test('a manager that can do less says so when it is asked', async () => {
    covers('NOT-11')
    const { find, unmount, emit } = mount()
    emit({})
    find('.refresh').click()
    await vi.advanceTimersByTimeAsync(0)
    expect(find('.box').textContent).toContain('Auth manager not available')
    unmount()
  })

  test('each showing is told to the manager once', () => {
    covers('NOT-18')
    const noticed = vi.fn()
    const { find, unmount, emit } = mount({ noticed })
    emit({})
    emit({ failures: 2 })
    find('.dismiss').click()
    emit({ id: 2 })
    expect(noticed).toHaveBeenCalledTimes(2)
    unmount()
  })

  test('a user who stays on the page after all gets the buttons back', async () => {
    covers('NOT-21')
    const { find, unmount, emit } = mount({ hardRefresh: async () => {} })
    emit({})
    find('.hard').click()
    await vi.advanceTimersByTimeAsync(0)
    expect(find('.hard').matches(':disabled')).toBe(true)
    await vi.advanceTimersByTimeAsync(5000)
    expect(find('.hard').matches(':disabled')).toBe(false)
    unmount()
  })

  test('a success stays for three seconds where nobody says otherwise', async () => {
    covers('NOT-09')
    const { host, unmount, emit } = mount()
    emit({ phase: 'recovered' })
    await vi.advanceTimersByTimeAsync(2800)
    expect(host()).not.toBeNull()
    await vi.advanceTimersByTimeAsync(200)
    expect(host()).toBeNull()
    unmount()
  })

  test('settings are asked when they are needed, and options win over them', async () => {
    covers('NOT-09')
    let config = { successDismissMs: 1000, notifyOnSuccess: 'auto' as const, contact: null, language: 'de' }
    const { host, find, unmount, emit } = mount({ getConfig: () => config }, { contact: { text: 'Ring 4711' } })
    emit({ phase: 'recovered' })
    expect(find('[role=status]').textContent).toContain('Token erfolgreich erneuert')
    await vi.advanceTimersByTimeAsync(1000)
    expect(host()).toBeNull()
    config = { ...config, language: 'ar' }
    emit({ id: 2 })
    expect(host()).toMatchObject({ lang: 'ar', dir: 'rtl' })
    expect(find('.row:not(.actions)').textContent).toContain('Ring 4711')
    unmount()
  })
})
