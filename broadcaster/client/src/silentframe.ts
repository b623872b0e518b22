import type { Core } from './core'

/** Longest time that a provider has for its answer. */
const answerMs = 10_000
/** A frame that has loaded and says nothing for so long shows what may not be framed, or wants something of its user. */
const silentMs = 1_000

/**
 * Asks a login address in a hidden frame, which is gone from the page again before this resolves: `ok`, the reason why
 * not, or `blocked` when nothing came: framing is forbidden, or nobody answers. Only that very frame is heard, and only
 * while it shows a page of the login's own origin.
 */
export async function askFrame({ scope, within, after }: Core, url: string, outer: AbortSignal): Promise<string> {
  const { document } = scope
  const done = new AbortController()
  const frame = document.createElement!('iframe')
  let stop: (() => void) | undefined
  try {
    return await within(answerMs, outer, (signal) => new Promise((resolve) => {
      const blocked = (): void => resolve('blocked')
      signal.addEventListener('abort', blocked)
      scope.addEventListener('message', ({ source, origin, data }) => {
        if (source !== frame.contentWindow || origin !== new URL(url).origin || data?.source !== 'keyturn' || data.type !== 'signin') return
        resolve(data.ok === true ? 'ok' : /^[\w.-]{1,64}$/.exec(data.error)?.[0] ?? 'unknown')
      }, done)
      frame.onload = () => {
        stop?.()
        stop = after(silentMs, blocked)
      }
      Object.assign(frame, { title: 'keyturn', src: url })
      // What the page says of its own frames must not show this one.
      frame.style.cssText = 'display:none!important'
      ;(document.body ?? document.documentElement!).append(frame)
    }))
  } finally {
    done.abort()
    stop?.()
    frame.remove()
  }
}
