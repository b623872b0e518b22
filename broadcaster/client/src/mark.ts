import type { Core } from './core'

/** A short note of this tab that outlives the page: what a redirect must not forget, or it would go on for ever. */
export interface Mark {
  read(): string
  /** '' removes it. */
  write(value: string): void
}

/** How long a note is kept where only a cookie takes it, in seconds. */
const cookieSeconds = 300

/** A note under this key of sessionStorage; where that takes nothing, in a cookie of this host for five minutes. It holds no secret. */
export function createMark({ scope: { document }, read, write }: Core, key: string): Mark {
  const name = key.replaceAll(':', '-')
  /** The note's cookie, with set after it has been set to that. */
  const cookie = (set?: string): string => {
    try {
      if (set) document.cookie = `${name}=${set};path=/;samesite=strict`
      return new RegExp(`(?:^|; )${name}=([^;]*)`).exec(document.cookie!)?.[1] ?? ''
    } catch {
      // An opaque origin has no cookies, hence no sign-in.
      return ''
    }
  }
  return {
    read: () => read('sessionStorage', key) || cookie(),
    write(value) {
      if (!write('sessionStorage', key, value) || cookie()) cookie(`${value};max-age=${value ? cookieSeconds : 0}`)
    },
  }
}
