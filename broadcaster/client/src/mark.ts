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
  const cookie = (): string => {
    try {
      return new RegExp(`(?:^|; )${name}=([^;]*)`).exec(document.cookie!)?.[1] ?? ''
    } catch {
      // An opaque origin has no cookies, hence no sign-in.
      return ''
    }
  }
  return {
    read: () => read('sessionStorage', key) || cookie(),
    write(value) {
      if (write('sessionStorage', key, value) && !cookie()) return
      try {
        document.cookie = `${name}=${value};max-age=${value ? cookieSeconds : 0};path=/;samesite=strict`
      } catch {
        // As above; this page's memory serves.
      }
    },
  }
}
