/** A form element, as far as its content is concerned. */
interface Field extends Element {
  readonly type?: string
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
 * A page has unsaved changes when a form element differs from what it was delivered with, or when a user has entered
 * something that is still there: frameworks move the default along with the value. Sending or resetting a form
 * settles it. An app that knows better says so itself.
 */
export function watchUnsaved(page: Document): Unsaved {
  // Elements that a user has changed; those that have left the page are dropped as others come.
  const touched = new Set<Field>()
  const edited = (event: Event): void => {
    for (const old of touched) if (!old.isConnected) touched.delete(old)
    touched.add(event.composedPath()[0] as Field)
  }
  const settled = (event: Event): void => {
    for (const old of touched) if ((event.target as Element).contains(old)) touched.delete(old)
  }
  const listen = (on: 'addEventListener' | 'removeEventListener'): void => {
    page[on]('input', edited, true)
    page[on]('submit', settled, true)
    page[on]('reset', settled, true)
  }
  listen('addEventListener')
  return {
    any: () => [...touched].some((field) => field.isConnected && (changed(field) || filled(field))) ||
      [...page.querySelectorAll<Field>('input,textarea,select')].some(changed),
    stop: () => listen('removeEventListener'),
  }
}

const filled = ({ type, value, textContent }: Field): boolean => !/checkbox|radio|search/.test(type!) && (value ?? textContent) !== ''

/** Whether a field differs from what it was delivered with; those that users leave as they were by nature don't count. */
function changed({ type, value, defaultValue, checked, defaultChecked, options }: Field): boolean {
  if (!options) return checked !== defaultChecked || (value !== defaultValue && !/checkbox|radio|search|range|color/.test(type!))
  const all = [...options]
  // A list without a default of its own begins with its first entry.
  const given = all.some((o) => o.defaultSelected)
  return all.some((o, i) => (given ? o.selected !== o.defaultSelected : o.selected && i > 0))
}
