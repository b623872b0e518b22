/**
 * Reads foreign data by its expected shape: text (at most 512 characters), a duration or number from 0 to ten
 * thousand years of milliseconds, a flag, a list (at most 64 items), or an object of such. Whatever does not fit as a whole is
 * refused; only named fields are copied. `?` marks what may be null or missing, and is then null.
 */
export type Shape = 'text' | 'text?' | 'number' | 'number?' | 'flag' | readonly [Shape] | { readonly [name: string]: Shape }

/** The type of what a shape reads. */
export type Shaped<S> =
  S extends 'text' ? string
  : S extends 'text?' ? string | null
  : S extends 'number' ? number
  : S extends 'number?' ? number | null
  : S extends 'flag' ? boolean
  : S extends readonly [infer One] ? readonly Shaped<One>[]
  : { readonly [K in keyof S]: Shaped<S[K]> }

/** key: shape of a single value; value: its JavaScript type */
const types = { text: 'string', number: 'number', flag: 'boolean' }
const maxNumber = 3.2e14
const maxText = 512
const maxItems = 64

/** What of value fits the shape; undefined when it does not. */
export function fit<const S extends Shape>(shape: S, value: unknown): Shaped<S> | undefined {
  return read(shape, value) as Shaped<S> | undefined
}

function read(shape: Shape, value: unknown): unknown {
  if (typeof shape === 'string') {
    const name = shape.replace('?', '')
    if (shape !== name && value == null) return null
    const good = typeof value === types[name as keyof typeof types] &&
      (typeof value !== 'number' || (value >= 0 && value <= maxNumber)) && !((value as string).length > maxText)
    return good ? value : undefined
  }
  if (typeof value !== 'object' || !value || Array.isArray(value) !== Array.isArray(shape)) return undefined
  if (Array.isArray(value)) {
    const items = value.map((item) => read((shape as readonly [Shape])[0], item))
    return items.length > maxItems || items.includes(undefined) ? undefined : items
  }
  const out: Record<string, unknown> = {}
  for (const name of Object.keys(shape)) {
    out[name] = read((shape as Record<string, Shape>)[name]!, (value as Record<string, unknown>)[name])
    if (out[name] === undefined) return undefined
  }
  return out
}

/** JSON of at most 64 Ki characters that is an object; null for anything else. Never throws. */
export function parseObject(text: unknown): Record<string, unknown> | null {
  if (typeof text !== 'string' || text.length > 65536) return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown> | null) : null
  } catch {
    return null
  }
}
