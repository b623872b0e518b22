import { type Browser, chromium, type Page, type Request } from 'playwright-core'

/** Starts Debian's Chromium without anything that talks to the outside. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  })
}

/** What a page asked for, and what it got. */
export class Traffic {
  readonly refreshes: Request[] = []
  readonly refused: string[] = []
  readonly lines: string[] = []
  readonly errors: string[] = []
  frames = 0

  /** Counts refusals and refreshes from here on: signing in starts with a 401, since nobody has a session yet. */
  restart(): void {
    this.refused.length = 0
    this.refreshes.length = 0
  }

  constructor(page: Page) {
    page.on('request', (r) => { if (new URL(r.url()).pathname === '/auth/refresh') this.refreshes.push(r) })
    page.on('response', (r) => { if (r.status() === 401 || r.status() === 403) this.refused.push(`${r.status()} ${r.url()}`) })
    page.on('console', (m) => this.lines.push(m.text()))
    page.on('pageerror', (e) => this.errors.push(e.message))
    page.on('websocket', (socket) => {
      socket.on('framereceived', (f) => { if (String(f.payload).includes('"type":"state"')) this.frames++ })
    })
  }
}
