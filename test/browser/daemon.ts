import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The real binary. */
export const binary = process.env.TEST_BINARY ?? fileURLToPath(new URL('../../bin/keyturn', import.meta.url))

/** One entry of the file store. */
export interface Entry {
  kid?: string
  version?: string
  stage: 'pending' | 'current' | 'previous'
  alg: string
  secret: string
}

/** A running `keyturn dev` with a data folder of its own. */
export class Daemon {
  readonly dir = mkdtempSync(join(tmpdir(), 'keyturn-browser-'))
  url = ''
  output = ''
  private child: ChildProcess | undefined

  /** Starts it and resolves once its page answers. */
  async start(...flags: string[]): Promise<this> {
    if (!existsSync(binary)) throw new Error(`${binary} is missing: run "go tool task test:browser", which builds it`)
    const [port, admin] = [await freePort(), await freePort()]
    this.url = `http://127.0.0.1:${port}`
    const child = spawn(binary, [
      'dev', '--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${admin}`, '--data-dir', this.dir, ...flags,
    ])
    this.child = child
    child.stdout.on('data', (b: Buffer) => { this.output += b.toString() })
    child.stderr.on('data', (b: Buffer) => { this.output += b.toString() })
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`keyturn dev ended with ${child.exitCode}:\n${this.output}`)
      return (await fetch(this.url).catch(() => undefined))?.ok ?? false
    }, 'keyturn dev answers')
    return this
  }

  /** Runs another verb of the binary against this daemon; resolves with what it printed. */
  run(verb: string, ...args: string[]): Promise<{ code: number | null, out: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn(binary, [verb, ...args, '--data-dir', this.dir])
      let out = ''
      child.stdout.on('data', (b: Buffer) => { out += b.toString() })
      child.stderr.on('data', (b: Buffer) => { out += b.toString() })
      child.on('error', reject)
      child.on('close', (code) => { resolve({ code, out }) })
    })
  }

  /** Stops it in order and leaves its data in place. */
  async stop(): Promise<void> {
    const child = this.child
    if (!child || child.exitCode !== null) return
    const closed = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGTERM')
    await closed
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.dir, { recursive: true, force: true })
  }

  get secretFile(): string { return join(this.dir, 'demo.json') }

  /** Changes the key file as an editor does: a new file, renamed over the old one. */
  edit(change: (entries: Entry[]) => Entry[]): void {
    const file = JSON.parse(readFileSync(this.secretFile, 'utf8')) as { serial?: number, keys: Entry[] }
    file.keys = change(file.keys)
    if (file.serial !== undefined) file.serial++
    const swap = `${this.secretFile}.swp`
    writeFileSync(swap, JSON.stringify(file, null, 2), { mode: 0o600 })
    renameSync(swap, this.secretFile)
  }
}

/** Polls until the condition holds; the deadline only bounds a broken run. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, deadlineMs = 60_000): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited ${deadlineMs / 1000} s in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address && typeof address === 'object') resolve(address.port)
        else reject(new Error('no port was given'))
      })
    })
  })
}
