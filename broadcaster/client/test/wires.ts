/** What connects a tab with the server, in virtual time: a WebSocket, or a stream of events. */
import type { SocketLike } from '../src/scope'
import type { Tab } from './world'

/** A WebSocket, as page and server have it. */
export class FakeSocket implements SocketLike {
  onopen: ((event: unknown) => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  onerror: ((event: unknown) => void) | null = null
  readonly sent: Record<string, unknown>[] = []
  state: 'connecting' | 'open' | 'closed' = 'connecting'
  /** The network is gone and nobody knows: nothing gets through any more, in either direction. */
  cut = false
  closedWith: number | undefined

  constructor(readonly tab: Tab, readonly url: string, readonly protocols: string[]) {}

  send(data: string): void {
    if (this.state !== 'open') throw new DOMException('not open', 'InvalidStateError')
    const frame = JSON.parse(data) as Record<string, unknown>
    this.sent.push(frame)
    if (!this.cut) this.tab.world.after(5, () => this.tab.world.server.received(this, frame))
  }

  close(code?: number): void {
    this.closedWith = code
    this.end(code ?? 1005)
  }

  /** The server or the network ends it. */
  end(code: number): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.tab.world.server.sockets.delete(this)
    this.tab.world.after(0, () => this.onclose?.({ code }))
  }

  deliver(frame: unknown): void {
    if (this.cut) return
    const data = typeof frame === 'string' ? frame : JSON.stringify(frame)
    this.tab.world.after(this.tab.wireMs, () => {
      if (this.state === 'open') this.onmessage?.({ data })
    })
  }
}

/** A stream of server-sent events, as the server has it. */
export class FakeStream {
  readonly url: string
  readonly sent: Record<string, unknown>[] = []
  state: 'open' | 'closed' = 'open'
  /** The network is gone and nobody knows. */
  cut = false
  private out!: ReadableStreamDefaultController<Uint8Array>
  readonly body = new ReadableStream<Uint8Array>({
    start: (out) => void (this.out = out),
    // Whoever asked has let go of it.
    cancel: () => this.gone(),
  })

  constructor(readonly tab: Tab, readonly request: Request) {
    this.url = request.url
    tab.streams.push(this)
  }

  /** Lets these bytes get there, in a piece of their own. */
  write(bytes: string | Uint8Array): void {
    if (this.cut) return
    this.tab.world.after(this.tab.wireMs, () => {
      if (this.state === 'open') this.out.enqueue(typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes)
    })
  }

  deliver(frame: unknown): void {
    this.write(`data: ${JSON.stringify(frame)}\n\n`)
  }

  /** The server ends it; 1006 says nothing. */
  end(code: number): void {
    if (code !== 1006) this.deliver({ type: 'close', code, reason: 'as the table says' })
    this.tab.world.after(this.tab.wireMs, () => {
      if (this.state === 'closed' || this.cut) return
      this.gone()
      this.out.close()
    })
  }

  private gone(): void {
    this.state = 'closed'
    this.tab.world.server.sockets.delete(this)
  }
}
