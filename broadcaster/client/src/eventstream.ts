import type { Core } from './core'
import type { SocketLike } from './scope'
import { parseObject } from './shape'

/**
 * The same frames as server-sent events (WHATWG HTML section 9.2), for proxies that let no WebSocket through: a socket
 * that can be listened to only. The request presents the token, so a new one takes a new stream.
 */

/** Opens a stream; without a token ('') the cookie brings it, or the ring is public. Cookies go along, as with a WebSocket. */
export type OpenEvents = (token?: string) => SocketLike

/** Longest event that is waited for, in characters: the server's are far below, and a broken proxy must not fill the memory. */
const longest = 131_072

/**
 * Opens the event streams of one address for this tab. Over HTTP/1.1 all tabs of a browser share six connections to a
 * host, and each stream keeps one: a Web Lock leaves them to one tab of the browser. Without it the opening fails.
 */
export function createEventStreams(core: Core, send: typeof fetch, url: string): OpenEvents {
  let streams = 0
  let release: (() => void) | undefined

  const locked = (signal: AbortSignal): Promise<void> => new Promise((taken, refused) => {
    if (release) taken()
    else core.scope.navigator.locks!.request(`keyturn:${url}`, { ifAvailable: true }, (lock) => {
      if (!lock || signal.aborted) return refused()
      taken()
      return new Promise<void>((free) => (release = free))
    }).catch(refused)
  })

  return (token) => {
    const life = new AbortController()
    const { signal } = life
    /** The close code; undefined when the stream ended without one. */
    const read = async (): Promise<unknown> => {
      await locked(signal)
      const { status, body } = await send(url, {
        headers: { accept: 'text/event-stream', ...(token && { authorization: `Bearer ${token}` }) },
        redirect: 'error',
        credentials: 'include',
        cache: 'no-store',
        signal,
      })
      if (status !== 200) return undefined
      socket.onopen!({})
      const reader = body!.getReader()
      const decoder = new TextDecoder()
      for (let text = ''; ; ) {
        const { done, value } = await reader.read()
        text += decoder.decode(value, { stream: true })
        if (done || text.length > longest) return undefined
        const lines = text.split('\n')
        text = lines.pop()!
        for (const line of lines) {
          if (!line.startsWith('data:')) continue
          // An event is one line of JSON, for which blanks and a carriage return around it mean nothing.
          const data = line.slice(5)
          const { type, code } = parseObject(data) ?? {}
          if (type === 'close') return code
          socket.onmessage!({ data })
        }
      }
    }
    const end = (code?: unknown): void => {
      if (signal.aborted) return
      life.abort()
      if (!--streams) release = release?.() as undefined
      if (code) socket.onclose!({ code })
    }
    const socket: SocketLike = { onopen: null, onmessage: null, onclose: null, send() {}, close: () => end() }
    streams++
    read().catch(() => {}).then((code) => end(Number(code) || 1006))
    return socket
  }
}
