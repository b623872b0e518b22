import type { Engine } from './engine'
import { engineOf } from './engine'
import type { Keyturn } from './keyturn'
import { legible } from './problem'
import { mayRefuse } from './recover'

const mark = Symbol.for('keyturn.xhr')
const types = ['readystatechange', 'loadstart', 'progress', 'load', 'loadend', 'error', 'abort', 'timeout']

/** One call of send(), however often the request goes out. */
interface Call {
  /** The arguments of open(). */
  readonly opened: readonly any[]
  readonly headers: [string, string][]
  given: string | null
  readonly gone: AbortController
  begun?: boolean
  /** How often the request went out. */
  tries: number
  /** It was sent with cookies, which the app had not asked for. */
  lent?: boolean
  /** It is out: the browser's own abort and timeout work. */
  out?: boolean
  /** Status of a refusal that the app does not see until it is known what becomes of it; 0: none. */
  held: number
  /** What comes is for the app. */
  telling?: boolean
  /** The upload has been told of, whole. */
  uploaded?: boolean
  done?: boolean
  /** The latest progress, for the events that are told later. */
  progress?: ProgressEventInit
  /** The app's own timeout in ms, when it is over, and what stops waiting for that. */
  timeout?: number
  until?: number
  untimed?: () => void
  arrived?: (status: number) => void
  broken?: (type: string) => void
}

/** A copy of a body that the app could change before it goes out, or goes out again. */
function copied(body: any): any {
  if (body instanceof FormData) {
    const copy = new FormData()
    body.forEach((value, name) => copy.append(name, value))
    return copy
  }
  if (body instanceof URLSearchParams) return new URLSearchParams(body)
  return body instanceof ArrayBuffer || ArrayBuffer.isView(body) ? structuredClone(body) : body
}

/** What the engine reads of a refusal: the headers that explain it, and its body. */
function viewed(xhr: XMLHttpRequest, status: number): Response {
  const { responseType: type } = xhr
  const headers = new Headers()
  for (const name of ['content-type', 'www-authenticate', 'retry-after']) {
    const value = xhr.getResponseHeader(name)
    if (value) headers.set(name, value)
  }
  const body = type === 'json' ? JSON.stringify(xhr.response) : type === 'document' ? null : type && type !== 'text' ? xhr.response : xhr.responseText
  return new Response(body, { status, headers })
}

/**
 * Has the page's XMLHttpRequest carry the token and recover from refusals as the client's fetch does, for the
 * client's origins only. The app's object behaves as one request: of a refusal that is recovered it sees nothing,
 * neither event nor status; its body goes out again by itself, its timeout spans the whole, and abort() ends it.
 * Synchronous requests pass through untouched, since nothing can be waited for. A second installation does nothing.
 * Returns the function that takes it back.
 */
export function installXhr(keyturn: Pick<Keyturn, 'fetch'>, scope: { XMLHttpRequest?: typeof globalThis.XMLHttpRequest } = globalThis): () => void {
  const proto = scope.XMLHttpRequest?.prototype as any
  if (!proto || mark in proto) return () => {}
  const { core, recover, protects, settings }: Engine = engineOf(keyturn)
  const { open, send, setRequestHeader, abort } = proto
  const upload: any = Object.getOwnPropertyDescriptor(proto, 'upload')
  const calls = new WeakMap<XMLHttpRequest, Call>()
  // key: a request or its upload that has our listeners; value: the request
  const owners = new WeakMap<object, XMLHttpRequest>()
  const hear = (target: EventTarget, owner: XMLHttpRequest, listener: (event: any) => void): void => {
    if (owners.has(target)) return
    owners.set(target, owner)
    for (const type of types) target.addEventListener(type, listener)
  }

  /** Has the app read this instead of what the browser holds; without a state, the truth again. */
  const show = (xhr: any, readyState?: number, status = 0): void => {
    for (const [name, value] of Object.entries({ readyState, status })) {
      if (readyState) Object.defineProperty(xhr, name, { value, configurable: true })
      else delete xhr[name]
    }
  }
  /** Tells the app of events that it has not seen, unless it has begun something else with the object meanwhile. */
  const tell = (xhr: XMLHttpRequest, call: Call, ...names: string[]): void => {
    for (const name of names) {
      if (calls.get(xhr) !== call) return
      call.telling = true
      xhr.dispatchEvent(name === types[0] ? new Event(name) : new ProgressEvent(name, call.progress))
      call.telling = false
    }
  }
  const finish = (xhr: XMLHttpRequest, call: Call): void => {
    call.done = true
    call.untimed?.()
    if (call.timeout) xhr.timeout = call.timeout
  }
  /** Ends a call that is not out, with the events by which the browser would end it. */
  const end = (xhr: XMLHttpRequest, call: Call, how: string): void => {
    if (call.out || call.done) return
    finish(xhr, call)
    call.gone.abort()
    call.progress = {}
    show(xhr, 4)
    tell(xhr, call, types[0]!, how, 'loadend')
  }

  function onEvent(this: XMLHttpRequest, event: any): void {
    const call = calls.get(this)
    const { type } = event
    if (!call?.begun || call.telling || call.done) return
    // Of being opened again, and of a second start, the app hears nothing.
    let hide = !call.out || (call.tries > 1 && type === 'loadstart')
    if (type === types[0] && call.out && !call.held && this.readyState === 2) {
      const { status } = this
      if (mayRefuse(status, settings()) && (status > 400 || legible(this.getResponseHeader('content-type')))) {
        call.held = status
        show(this, 1)
      } else call.arrived?.(status)
    }
    if (/^(err|ab|ti)/.test(type) && call.out) {
      call.gone.abort()
      if (call.held) {
        // It broke off while it was kept back: that end is the app's.
        call.held = 0
        show(this)
        tell(this, call, types[0]!)
      }
    }
    if (call.held) {
      hide = true
      if (type === 'progress') call.progress = event
    }
    if (hide) event.stopImmediatePropagation()
    if (type !== 'loadend' || !call.out) return
    call.out = false
    if (call.held) return call.arrived?.(call.held)
    finish(this, call)
    call.broken?.(type)
  }

  /** Of an upload that is repeated the app hears nothing that it has heard. */
  function onUpload(this: object, event: Event): void {
    const call = calls.get(owners.get(this)!)
    if (!call) return
    if (call.tries > 1 && (call.uploaded || event.type === 'loadstart')) event.stopImmediatePropagation()
    else if (event.type === 'loadend') call.uploaded = true
  }
  // Across origins a listener for the upload has browsers ask for permission first; only the token does so anyway.
  const unheard = (xhr: XMLHttpRequest): void => {
    const target = upload.get.call(xhr)
    if (owners.delete(target)) for (const type of types) target.removeEventListener(type, onUpload)
  }

  /** Sends once; resolves when the headers of an answer are there, of a refusal with all of it. */
  const go = (xhr: XMLHttpRequest, call: Call, body: any, authorization: string | null): Promise<number> =>
    new Promise((resolve, reject) => {
      call.gone.signal.throwIfAborted()
      call.arrived = resolve
      call.broken = reject
      call.held = 0
      show(xhr)
      if (call.tries++) {
        open.apply(xhr, call.opened)
        for (const header of call.headers) setRequestHeader.apply(xhr, header)
      }
      const given = authorization ?? call.given
      if (given) setRequestHeader.call(xhr, 'authorization', given)
      if (call.until) xhr.timeout = Math.max(Math.ceil(call.until - core.now()), 1)
      if (authorization === '' && !xhr.withCredentials) call.lent = xhr.withCredentials = true
      if (authorization === null) unheard(xhr)
      call.out = true
      send.call(xhr, body)
    })

  const begun = (call: Call | undefined): void => {
    if (call?.begun && !call.done) throw new DOMException('The request has been sent.', 'InvalidStateError')
  }
  const patched: Record<string, (this: XMLHttpRequest, ...args: any[]) => void> = {
    open(...opened) {
      const before = calls.get(this)
      calls.delete(this)
      before?.gone.abort()
      if (before && !before.done) finish(this, before)
      show(this)
      open.apply(this, opened)
      if (before?.lent) this.withCredentials = false
      if ((opened.length > 2 && !opened[2]) || !protects(`${opened[1]}`)) return
      calls.set(this, { opened, headers: [], given: null, gone: new AbortController(), tries: 0, held: 0 })
      hear(this, this, onEvent)
    },
    setRequestHeader(name, value) {
      const call = calls.get(this)
      begun(call)
      // Kept back, since a header that is set twice is sent with both values.
      if (call && /^authorization$/i.test(name)) call.given = call.given === null ? `${value}` : `${call.given}, ${value}`
      else {
        setRequestHeader.call(this, name, value)
        call?.headers.push([name, value])
      }
    },
    send(body = null) {
      const call = calls.get(this)
      begun(call)
      if (!call || call.done) {
        unheard(this)
        return send.call(this, body)
      }
      call.begun = true
      const { gone: { signal }, given, opened } = call
      const kept = copied(body)
      if (this.timeout) {
        call.until = core.now() + (call.timeout = this.timeout)
        call.untimed = core.after(call.timeout, () => end(this, call, 'timeout'))
      }
      recover<number>({
        signal, given,
        method: `${opened[0]}`,
        replayable: true,
        attempted: false,
        send: (authorization) => go(this, call, kept, authorization),
        status: (status) => status,
        view: (status) => viewed(this, status),
      }).then((status) => {
        if (!call.held) return
        for (const [state, name] of [[2, types[0]!], [3, types[0]!], [3, 'progress']] as const) {
          if (call.done) return
          show(this, state, status)
          tell(this, call, name)
        }
        if (call.done) return
        finish(this, call)
        show(this)
        tell(this, call, types[0]!, 'load', 'loadend')
      }, () => end(this, call, 'error'))
    },
    abort() {
      const call = calls.get(this)
      if (call?.begun) end(this, call, 'abort')
      abort.call(this)
      show(this)
    },
  }
  const native: Record<string, unknown> = { open, setRequestHeader, send, abort }
  for (const name in native) proto[name] = patched[name]
  // Browsers call listeners in the order of their coming: ours are there before the app can add one.
  Object.defineProperty(proto, 'upload', {
    ...upload,
    get(this: XMLHttpRequest) {
      const target = upload.get.call(this)
      hear(target, this, onUpload)
      return target
    },
  })
  const Native = scope.XMLHttpRequest!
  const Patched = (scope.XMLHttpRequest = new Proxy(Native, {
    construct(target, args, asked) {
      const xhr = Reflect.construct(target, args, asked) as XMLHttpRequest
      hear(xhr, xhr, onEvent)
      return xhr
    },
  }))
  proto[mark] = true
  return () => {
    for (const name in native) if (proto[name] === patched[name]) proto[name] = native[name]
    Object.defineProperty(proto, 'upload', upload)
    if (scope.XMLHttpRequest === Patched) scope.XMLHttpRequest = Native
    delete proto[mark]
  }
}

/** Whether this page's XMLHttpRequest has been patched by a client. */
export const hasXhr = (): boolean => mark in (globalThis.XMLHttpRequest?.prototype ?? {})
