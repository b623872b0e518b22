import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
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

/** A running `keyturn dev`, or `keyturn serve`, with a data folder of its own. */
export class Daemon {
  readonly dir = mkdtempSync(join(tmpdir(), 'keyturn-browser-'))
  url = ''
  output = ''
  private child: ChildProcess | undefined

  /** Starts it and resolves once its page answers, and the verbs find it. */
  async start(...flags: string[]): Promise<this> {
    const [port, admin] = await this.ports()
    await this.launch(['dev', '--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${admin}`, '--data-dir', this.dir, ...flags])
    await until(() => existsSync(join(this.dir, 'admin.json')), 'the verbs can find it')
    return this
  }

  /**
   * Starts `keyturn serve` instead, with ring `demo` in a key file, on loopback addresses. Members of auth are
   * added to those that it needs; origins are the pages' besides its own.
   */
  async serve(auth: object, origins: string[] = []): Promise<this> {
    const [port, admin] = await this.ports()
    const key = { kid: 'k1', stage: 'current', alg: 'HS256', secret: randomBytes(32).toString('base64url') }
    writeFileSync(this.secretFile, JSON.stringify({ serial: 1, keys: [key] }), { mode: 0o600 })
    const config = join(this.dir, 'keyturn.yaml')
    writeFileSync(config, JSON.stringify({ // JSON is YAML, too
      rings: [{ name: 'demo', store: 'file', secret: this.secretFile, tokenLifetime: '10m', poll: '2s', signAfter: '0s' }],
      broadcast: { listen: `127.0.0.1:${port}`, rings: ['demo'], origins: [this.url, ...origins], verify: 'local' },
      auth: { ring: 'demo', issuer: 'keyturn-test', audience: 'demo', publicURL: this.url, ...auth },
      admin: { listen: `127.0.0.1:${admin}` },
      dataDir: this.dir,
    }))
    return this.launch(['serve', '--config', config], '/v1/state?ring=demo')
  }

  /**
   * Starts `keyturn serve` for a ring `demo` whose tokens somebody else signs. entries are its key file's; tokens
   * must carry issuer and audience.
   */
  async listenFor(entries: object[], verify: { issuer: string, audience: string }, origins: string[] = []): Promise<this> {
    const [port, admin] = await this.ports()
    writeFileSync(this.secretFile, JSON.stringify({ serial: 1, keys: entries }), { mode: 0o600 })
    const config = join(this.dir, 'keyturn.yaml')
    writeFileSync(config, JSON.stringify({
      rings: [{
        name: 'demo', store: 'file', secret: this.secretFile, issuer: 'external', verify, tokenLifetime: '10m', poll: '1s', signAfter: '0s', issuerLag: '1s',
      }],
      broadcast: { listen: `127.0.0.1:${port}`, rings: ['demo'], origins: [this.url, ...origins], verify: 'local' },
      admin: { listen: `127.0.0.1:${admin}` },
      dataDir: this.dir,
    }))
    return this.launch(['serve', '--config', config], '/v1/state?ring=demo')
  }

  private async ports(): Promise<[number, number]> {
    const ports: [number, number] = [await freePort(), await freePort()]
    this.url = `http://127.0.0.1:${ports[0]}`
    return ports
  }

  private async launch(args: string[], answers = '/'): Promise<this> {
    if (!existsSync(binary)) throw new Error(`${binary} is missing: run "go tool task test:browser", which builds it`)
    const child = spawn(binary, args)
    this.child = child
    child.stdout.on('data', (b: Buffer) => { this.output += b.toString() })
    child.stderr.on('data', (b: Buffer) => { this.output += b.toString() })
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`keyturn ${args[0]} ended with ${child.exitCode}:\n${this.output}`)
      return (await fetch(this.url + answers).catch(() => undefined))?.ok ?? false
    }, `keyturn ${args[0]} answers`)
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

/** The port that was looked at last. */
let last = 0

/**
 * A port that nobody listens on, for a process that is told of it and takes it a moment later. It is below those that a
 * system gives out by itself: there, whoever asks for any port, or connects to one, could be given it meanwhile. Test
 * files that run at the same time look among others.
 */
export async function freePort(): Promise<number> {
  const [least, most, files] = [20_000, 32_000, 8]
  for (let tries = 0; tries < 100; tries++) {
    // Each call has one of its own: several may look at the same time.
    const port = last = last && last + files < most ? last + files : least + files * randomInt((most - least) / files) + Number(process.env.VITEST_POOL_ID ?? 0) % files
    if (await listens(port)) return port
  }
  throw new Error(`no port from ${least} to ${most} is free`)
}

/** Whether one can listen on a port. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => { resolve(false) })
    server.listen(port, '127.0.0.1', () => { server.close(() => { resolve(true) }) })
  })
}
