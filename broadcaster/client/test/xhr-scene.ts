/** XMLHttpRequest of the virtual world: states, events and errors in the order of the standard (xhr.spec.whatwg.org). */
import type { Tab } from './world'

class Progress extends Event {
  readonly lengthComputable: boolean
  readonly loaded: number
  readonly total: number
  constructor(type: string, init: ProgressEventInit = {}) {
    super(type)
    this.lengthComputable = init.lengthComputable ?? false
    this.loaded = init.loaded ?? 0
    this.total = init.total ?? 0
  }
}
// Node.js has all that a request needs but this.
globalThis.ProgressEvent ??= Progress as unknown as typeof ProgressEvent

const names = ['readystatechange', 'loadstart', 'progress', 'load', 'loadend', 'error', 'abort', 'timeout']

/** An event target whose on… properties are listeners from the first time that they are set. */
class Handlers extends EventTarget {
  static {
    for (const name of names) {
      const key = Symbol(name)
      Object.defineProperty(this.prototype, `on${name}`, {
        get(this: any) {
          return this[key]?.job ?? null
        },
        set(this: any, job: unknown) {
          if (!this[key]) {
            this[key] = { job }
            this.addEventListener(name, (event: Event) => this[key].job?.call(this, event))
          } else this[key].job = job
        },
      })
    }
  }
}

const invalid = (): never => {
  throw new DOMException('invalid state', 'InvalidStateError')
}

/** The constructor that a page of this tab has. */
export function createXhr(tab: Tab): typeof XMLHttpRequest {
  const scope = tab.scope()
  const { world } = tab
  class FakeXhr extends Handlers {
    withCredentials = false
    responseType = ''
    timeout = 0
    private readonly uploads = new Handlers()
    private state = 0
    private sent = false
    private given: { method: string; url: string; async: boolean; headers: Headers } | null = null
    private answer: { response: Response | null; bytes: Uint8Array } = { response: null, bytes: new Uint8Array() }
    private control = new AbortController()
    private parsed: unknown

    get upload(): EventTarget {
      return this.uploads
    }
    get readyState(): number {
      return this.state
    }
    get status(): number {
      return this.answer.response?.status ?? 0
    }
    get responseText(): string {
      if (this.responseType && this.responseType !== 'text') invalid()
      return this.state < 3 ? '' : new TextDecoder().decode(this.answer.bytes)
    }
    get response(): unknown {
      if (!this.responseType || this.responseType === 'text') return this.responseText
      if (this.state !== 4 || !this.answer.response) return null
      const { bytes } = this.answer
      const make = (): unknown => {
        if (this.responseType === 'json') return JSON.parse(new TextDecoder().decode(bytes))
        return this.responseType === 'blob' ? new Blob([bytes as Uint8Array<ArrayBuffer>]) : bytes.slice().buffer
      }
      return (this.parsed ??= make())
    }
    getResponseHeader(name: string): string | null {
      return this.answer.response?.headers.get(name) ?? null
    }
    open(method: string, url: string, async = true): void {
      this.control.abort()
      this.control = new AbortController()
      this.sent = false
      this.given = { method, url, async, headers: new Headers() }
      this.answer = { response: null, bytes: new Uint8Array() }
      this.parsed = undefined
      if (this.state !== 1) this.turn(1)
    }
    setRequestHeader(name: string, value: string): void {
      if (this.state !== 1 || this.sent) invalid()
      this.given!.headers.append(name, value)
    }
    send(body: any = null): void {
      if (this.state !== 1 || this.sent) invalid()
      const { method, url, headers, async } = this.given!
      if (!async) {
        this.answer = { response: new Response(null), bytes: new Uint8Array() }
        tab.calls.push(`sync ${headers.get('authorization') ?? 'without token'}`)
        return this.turn(4)
      }
      this.sent = true
      const { signal } = this.control
      const began = world.now
      this.fire(this, 'loadstart')
      if (body) this.fire(this.uploads, 'loadstart')
      if (signal.aborted) return
      const over = (): void => {
        if (signal.aborted || this.state === 4) return
        if (this.timeout && world.now >= began + this.timeout) {
          this.control.abort()
          this.fail('timeout')
        } else world.after(1, over)
      }
      over()
      const run = async (): Promise<void> => {
        const response = await scope.fetch(new Request(new URL(url, scope.document.baseURI), { method, headers, body, signal }))
        if (body) for (const name of ['progress', 'load', 'loadend']) this.fire(this.uploads, name)
        this.answer = { response, bytes: new Uint8Array() }
        this.turn(2)
        const bytes = new Uint8Array(await response.arrayBuffer())
        if (signal.aborted) return
        this.answer = { response, bytes }
        this.turn(3)
        this.fire(this, 'progress', bytes.length)
        this.sent = false
        this.turn(4)
        this.fire(this, 'load', bytes.length)
        this.fire(this, 'loadend', bytes.length)
      }
      run().catch(() => signal.aborted || this.fail('error'))
    }
    abort(): void {
      this.control.abort()
      if ((this.state === 1 && this.sent) || this.state === 2 || this.state === 3) this.fail('abort')
      if (this.state !== 4) return
      this.state = 0
      this.answer = { response: null, bytes: new Uint8Array() }
    }
    private fail(how: string): void {
      this.answer = { response: null, bytes: new Uint8Array() }
      this.sent = false
      this.turn(4)
      this.fire(this, how)
      this.fire(this, 'loadend')
    }
    private turn(state: number): void {
      this.state = state
      this.dispatchEvent(new Event('readystatechange'))
    }
    private fire(target: EventTarget, name: string, loaded = 0): void {
      target.dispatchEvent(new ProgressEvent(name, { loaded }))
    }
  }
  return FakeXhr as unknown as typeof XMLHttpRequest
}

/** What an app sees of a request: each event with the state and the status at that moment. */
export function record(xhr: XMLHttpRequest): string[] {
  const seen: string[] = []
  for (const name of names) xhr.addEventListener(name, () => seen.push(`${name} ${xhr.readyState} ${xhr.status}`))
  for (const name of names.slice(1)) xhr.upload.addEventListener(name, () => seen.push(`upload ${name}`))
  return seen
}
