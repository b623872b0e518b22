import { createHmac, randomBytes } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { connected, moved, serveApp, signInto, type Visit, visit } from './app.js'
import { setAppStage } from './appstage.js'
import { covers } from './covers.js'
import { Daemon, until } from './daemon.js'
import { Front, type Seen } from './front.js'
import { call, status } from './page.js'

// A proxy between the browser and keyturn that knows no WebSocket: the stream comes as server-sent events.

const stage = setAppStage()

beforeEach(() => {
  stage.front.stream = 'events'
  serveApp(stage.front)
})

async function rotate(...flags: string[]): Promise<void> {
  const turned = await stage.daemon.run('rotate', 'demo', ...flags)
  expect(turned, turned.out).toMatchObject({ code: 0 })
}

/** Streams of events that the browser has asked for, and those of them that go on. */
const streams = (): Seen[] => stage.front.of('/v1/stream')
const going = (): Seen[] => streams().filter((s) => !s.ended)

/** Waits until the operator sees so many connections, all of them on the current key. */
async function counted(connections: number): Promise<void> {
  await until(async () => (await stage.daemon.run('status')).out.includes(`${connections} connected: ${connections} on the current key`), `${connections} connected, on the current key`)
}

/** A signed-in page that has made no call that counts. */
async function page(): Promise<Visit> {
  const v = await visit(await stage.context(), `${stage.front.url}/app`)
  await signInto(v.page, 'alice')
  v.traffic.restart()
  return v
}

test('an idle page moves ahead of any failure, and is counted on the new key', async () => {
  covers('DET-07')
  const { page: at, traffic } = await page()
  const before = await status(at)
  await counted(1)
  await rotate()
  await moved(at, before)
  await counted(1)
  expect(await call(at, '/api/hello')).toBe(200)
  expect([traffic.refused, traffic.refreshes.length, traffic.errors]).toEqual([[], 1, []])
  expect(streams().every((s) => s.authorization?.startsWith('Bearer '))).toBe(true)
})

test('when a key has leaked the page moves without losing a call', async () => {
  const { page: at, traffic } = await page()
  const before = await status(at)
  await rotate('--compromise')
  expect(await call(at, '/api/hello')).toBe(200)
  await moved(at, before)
  await counted(1)
  expect(traffic.errors).toEqual([])
})

test('eight tabs hold one stream, so that their own calls have connections left, and all of them move', async () => {
  const context = await stage.context()
  const tabs: Visit[] = []
  for (let i = 0; i < 8; i++) tabs.push(await visit(context, `${stage.front.url}/app`))
  await signInto(tabs[0]!.page, 'alice', ['user'], false)
  for (const tab of tabs) {
    await connected(tab.page, false)
    tab.traffic.restart()
  }
  await until(() => going().length === 1, 'one tab has a stream')
  const key = async (): Promise<string | null> => (await fetch(`${stage.daemon.url}/v1/state?ring=demo`).then((r) => r.json() as Promise<{ key: string }>)).key
  const before = await key()
  expect(await Promise.all(tabs.map((tab) => call(tab.page, '/api/hello')))).toEqual(tabs.map(() => 200))
  await rotate()
  await until(async () => await key() !== before, 'the browsers\' end knows the new key')
  const kids = async (): Promise<(string | null | undefined)[]> => Promise.all(tabs.map(async (tab) => (await status(tab.page)).token?.kid))
  const now = await key()
  await until(async () => (await kids()).every((kid) => kid === now), 'all tabs hold a token under the new key')
  await counted(1)
  expect(tabs.map((tab) => tab.traffic.refreshes.length).reduce((a, b) => a + b)).toBe(1)
  expect(tabs.flatMap((tab) => [...tab.traffic.refused, ...tab.traffic.errors])).toEqual([])

  // Whichever tab has the stream: as long as one is left, one has it, after two rests of a minute at most.
  for (const tab of tabs.splice(1)) {
    await tab.page.close()
  }
  await until(async () => (await status(tabs[0]!.page)).socket === 'open', 'the last tab has the stream', 150_000)
  await counted(1)
}, 300_000)

test('with the proxy gone the next token comes by WebSocket', async () => {
  const { page: at } = await page()
  const before = await status(at)
  expect(going()).toHaveLength(1)
  stage.front.stream = 'socket'
  await rotate()
  await moved(at, before)
  await until(() => going().length === 0, 'the stream of events is let go')
  await counted(1)
  expect((await status(at)).socket).toBe('open')
})

test('a page of another origin, whose own issuer signs, listens to events as well', async () => {
  const key = (kid: string, stage: string) => ({ kid, stage, alg: 'HS256', secret: randomBytes(32).toString('base64url') })
  const [one, two] = [key('one', 'current'), key('two', 'pending')]
  const token = ({ kid, secret }: typeof one): string => {
    const iat = Math.floor(Date.now() / 1000)
    const text = [{ alg: 'HS256', kid }, { iss: 'https://issuer.test', aud: 'demo', sub: 'alice', roles: ['user'], iat, exp: iat + 600 }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    return `${text}.${createHmac('sha256', Buffer.from(secret, 'base64url')).update(text).digest('base64url')}`
  }
  const daemon = new Daemon()
  const app = await new Front('http://127.0.0.1:9').start()
  let door: Front | undefined
  try {
    await daemon.listenFor([one, two], { issuer: 'https://issuer.test', audience: 'demo' }, [app.url])
    door = await new Front(daemon.url).start()
    door.stream = 'events'
    app.file('/favicon.ico', 'image/x-icon', '')
    app.file('/', 'text/html; charset=utf-8', `<!doctype html><html lang="en"><meta charset="utf-8"><title>An app</title>
<script src="${door.url}/keyturn.js" data-ring="demo" data-manual></script></html>`)
    const { page: at, traffic } = await visit(await stage.context(), app.url)
    await at.evaluate(([old, fresh]) => {
      (window as any).keyturn.configure({ getToken: () => old, refresh: async () => fresh })
    }, [token(one), token(two)] as const)
    const before = await connected(at)
    expect(before.key).toBe('one')
    daemon.edit((entries) => entries.map((entry) => ({ ...entry, stage: entry.kid === 'two' ? 'current' : 'previous' })))
    const after = await moved(at, before)
    expect([after.token?.kid, traffic.errors, traffic.refused]).toEqual(['two', [], []])
    const asked = door
    const heard = (): Seen[] => asked.of('/v1/stream').filter(({ method }) => method === 'GET')
    await until(() => heard().length === 2 && heard()[0]!.ended && !heard()[1]!.ended, 'the new token is on a stream of its own, and the old one has ended')
    expect(door.of('/v1/stream')[0]?.method).toBe('OPTIONS')
  } finally {
    await door?.close()
    await app.close()
    await daemon.remove()
  }
})
