/** A form element, as far as its content is concerned. */
interface Field extends Element {
  readonly type?: string
  readonly form?: HTMLFormElement | null
  readonly value?: string
  readonly defaultValue?: string
  readonly checked?: boolean
  readonly defaultChecked?: boolean
  readonly options?: Iterable<{ readonly selected: boolean; readonly defaultSelected: boolean }>
}

/** Looks after what users have entered into a page. */
export interface Unsaved {
  /** Something would be lost by leaving the page. */
  any(): boolean
  stop(): void
}

/**
 * A page has unsaved changes when a text differs from what it was delivered with, whoever wrote it, or when a user has
 * changed a box or a list, or has entered something that is still there: frameworks move the default along with the
 * value. Boxes and lists that a script has set are no work. Sending or resetting a form settles it; what was sent may
 * stay in its fields. An app that knows better says so itself.
 */
export function watchUnsaved(page: Document): Unsaved {
  // Elements that a user has changed; those that have left the page are dropped as others come.
  const touched = new Set<Field>()
  // key: element; value: its text when it was sent.
  const sent = new WeakMap<Field, string | undefined>()
  const edited = (event: Event): void => {
    for (const old of touched) if (!old.isConnected) touched.delete(old)
    touched.add(event.composedPath()[0] as Field)
  }
  const settled = ({ type, target }: Event): void => {
    const form = target as HTMLFormElement
    for (const field of [...touched, ...form.elements as Iterable<Field>]) {
      if (field.form !== form && !form.contains(field)) continue
      touched.delete(field)
      if (type === 'submit') sent.set(field, field.value)
    }
  }
  const listen = (on: 'addEventListener' | 'removeEventListener'): void => {
    page[on]('input', edited, true)
    page[on]('submit', settled, true)
    page[on]('reset', settled, true)
  }
  listen('addEventListener')
  return {
    any: () => [...touched].some((field) => field.isConnected && (chosen(field) || rewritten(field) || filled(field))) ||
      [...page.querySelectorAll<Field>('input,textarea')].some((field) => rewritten(field) && sent.get(field) !== field.value),
    stop: () => listen('removeEventListener'),
  }
}

const filled = ({ type, value, textContent }: Field): boolean => !/checkbox|radio|search|select/.test(type!) && (value ?? textContent) !== ''

/** A text that differs from what it was delivered with; those that users leave as they were by nature don't count. */
const rewritten = ({ type, value, defaultValue }: Field): boolean => value !== defaultValue && !/checkbox|radio|search|select|range|color/.test(type!)

/** A box or a list that differs from what it was delivered with; a list without a default of its own begins with its first entry. */
function chosen({ type, checked, defaultChecked, options = [] }: Field): boolean {
  const all = [...options]
  const given = type !== 'select-one' || all.some((o) => o.defaultSelected)
  return checked !== defaultChecked || all.some((o, i) => o.selected !== (given ? o.defaultSelected : !i))
}
