import { readFileSync } from 'node:fs'
import type { Request } from 'playwright-core'
import { expect, test } from 'vitest'
import { connected, moved, serveApp, signInto } from './app.js'
import { setAppStage } from './appstage.js'
import { Traffic } from './chromium.js'
import { covers } from './covers.js'
import { type Entry, until } from './daemon.js'
import { call, status } from './page.js'

const stage = setAppStage()

/** The forms in which a secret might slip out. */
function forms(secret: string): string[] {
  const bytes = Buffer.from(secret, 'base64url')
  return [secret, bytes.toString('base64'), bytes.toString('hex'), bytes.toString('latin1')]
}

test('after a whole life of a page no secret is anywhere in the browser, and no token outside of its memory', async () => {
  covers('SEC-05', 'SEC-01', 'LOG-22')
  const { front, daemon } = stage
  serveApp(front, '/app', { tag: 'data-config data-debug' })
  const context = await stage.context()
  const page = await context.newPage()
  const traffic = new Traffic(page)
  const bodies: Promise<string>[] = []
  const frames: string[] = []
  const urls: string[] = []
  page.on('requestfinished', (r: Request) => {
    urls.push(r.url())
    bodies.push(r.response().then((a) => a?.body()).then((b) => b?.toString('latin1') ?? '', () => ''))
  })
  page.on('websocket', (socket) => { socket.on('framereceived', (f) => frames.push(String(f.payload))) })
  await page.goto(`${front.url}/app`)

  const secrets = new Set<string>()
  const tokens = new Set<string>()
  const note = async (): Promise<void> => {
    for (const k of (JSON.parse(readFileSync(daemon.secretFile, 'utf8')) as { keys: Entry[] }).keys) secrets.add(k.secret)
    tokens.add(await page.evaluate(() => (window as any).keyturn.getToken()))
  }
  // Signed in, turned twice, refused and recovered, denied, failed with a notice, checked.
  await signInto(page, 'canary@example.com')
  await note()
  let before = await status(page)
  for (const flags of [[], ['--compromise']]) {
    expect((await daemon.run('rotate', 'demo', ...flags)).code).toBe(0)
    before = await moved(page, before)
    await note()
  }
  expect(await call(page, '/api/admin')).toBe(403)
  front.on('/auth/refresh', (c) => { c.reply(500) })
  await page.evaluate(() => (window as any).keyturn.refreshToken().catch(() => {}))
  await page.locator('keyturn-notice').waitFor()
  await page.evaluate(() => (window as any).keyturn.checkConfiguration())
  await until(() => traffic.lines.some((l) => l.includes('Endpoint configured')), 'the check is printed')
  const debug = await page.evaluate(() => JSON.stringify((window as any).keyturn.getDebugInfo()))
  const left = await page.evaluate(() => {
    const walk = (root: unknown): string => {
      const seen = new Set<unknown>([root])
      const out: string[] = []
      for (const thing of seen) {
        if (thing === null || (typeof thing !== 'object' && typeof thing !== 'function')) {
          out.push(String(thing))
          continue
        }
        for (const name of Reflect.ownKeys(thing)) {
          out.push(String(name))
          try {
            seen.add((thing as any)[name])
          } catch {
            // what can't be read tells nothing
          }
        }
      }
      return out.join(' ')
    }
    const dom = (node: any): string => `${node.outerHTML ?? ''}${[...node.querySelectorAll('*')].map((n: any) => (n.shadowRoot ? n.shadowRoot.innerHTML : '')).join('')}`
    const w = window as any
    return {
      storage: JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, history.state, window.name]),
      dom: dom(document.documentElement),
      walk: walk([w.keyturn, w.QUILT_CATALOG_CONFIG]),
      names: [...Object.getOwnPropertyNames(w)].join(' '),
    }
  })
  const places: Record<string, string> = {
    ...left, debug, urls: urls.join(' '), console: traffic.lines.join('\n'), frames: frames.join('\n'), network: (await Promise.all(bodies)).join('\n'),
  }
  expect(secrets.size).toBeGreaterThanOrEqual(2)
  expect(tokens.size).toBe(3)
  for (const [place, text] of Object.entries(places)) {
    for (const secret of secrets) for (const form of forms(secret)) expect(text.includes(form), `a secret in ${place}`).toBe(false)
    if (place === 'network') continue // the answer of the refresh endpoint is how a token comes
    for (const token of tokens) {
      const [header, payload, signature] = token.split('.')
      for (const part of [header!.slice(0, 24), payload!.slice(0, 24), signature!.slice(0, 12)]) {
        expect(text.includes(part), `a token in ${place}`).toBe(false)
      }
    }
    expect(text.includes('canary@example.com'), `the user's address in ${place}`).toBe(false)
  }
  const cookies = await context.cookies()
  expect(cookies.filter((c) => !c.httpOnly || c.sameSite === 'None')).toEqual([])
  expect(cookies.filter((c) => [...tokens].includes(c.value))).toEqual([])
})

test('what storage holds are digests and times, and none of it tells who the user is', async () => {
  covers('SEC-03', 'SEC-04')
  const { front } = stage
  serveApp(front)
  const context = await stage.context()
  const page = await context.newPage()
  await page.goto(`${front.url}/app`)
  await signInto(page, 'somebody', ['analyst'])
  expect(await call(page, '/api/admin')).toBe(403)
  const kept = await page.evaluate(() => Object.entries({ ...localStorage, ...sessionStorage }))
  expect(kept.length).toBeGreaterThan(0)
  for (const [name, value] of kept) {
    expect(name).toMatch(/^keyturn:/)
    expect(value.length, name).toBeLessThan(200)
    expect(value).not.toMatch(/somebody|analyst|eyJ/)
  }
})

test('nothing that the console reaches can be replaced', async () => {
  covers('API-16')
  const { front } = stage
  serveApp(front, '/app', { tag: 'data-config' })
  const page = await (await stage.context()).newPage()
  await page.goto(`${front.url}/app`)
  expect(await page.evaluate(() => {
    'use strict'
    const w = window as any
    const tries = [
      () => { w.keyturn = {} }, () => { w.__dynamicAuthManager = {} }, () => { w.keyturn.getToken = () => 'mine' }, () => { delete w.keyturn },
      () => { w.keyturn.jwtValidator.resetStats = () => {} }, () => { w.QUILT_CATALOG_CONFIG.mcpEnhancedJwtSecret = 'mine' },
    ]
    return tries.map((t) => { try { t(); return 'taken' } catch (e) { return (e as Error).name } })
  })).toEqual(Array(6).fill('TypeError'))
  expect(await page.evaluate(() => (window as any).keyturn === (window as any).__dynamicAuthManager)).toBe(true)
})

test('another origin can start no refresh, by form, image or call', async () => {
  covers('SEC-06')
  const { front } = stage
  serveApp(front)
  const { Front } = await import('./front.js')
  const foreign = await new Front(stage.daemon.url).start()
  try {
    foreign.file('/attack', 'text/html', '<!doctype html><title>Elsewhere</title>')
    const context = await stage.context()
    const page = await context.newPage()
    await page.goto(`${front.url}/app`)
    await signInto(page, 'alice')
    const before = front.of('/auth/refresh').length
    const attack = await context.newPage()
    await attack.goto(`${foreign.url}/attack`)
    await attack.evaluate(async (target) => {
      await fetch(target, { method: 'POST', mode: 'no-cors', credentials: 'include' })
      await fetch(target, { method: 'POST', credentials: 'include' }).catch(() => {})
      await new Promise((resolve) => {
        const image = new Image()
        image.onload = image.onerror = resolve
        image.src = target
      })
      const form = document.createElement('form')
      form.method = 'post'
      form.action = target
      document.body.append(form)
      form.submit()
    }, `${front.url}/auth/refresh`)
    await until(() => front.of('/auth/refresh').length >= before + 4 && front.of('/auth/refresh').every((s) => s.status !== 0), 'the attacks are answered')
    for (const s of front.of('/auth/refresh').slice(before)) expect([403, 405], `${s.method} ${s.status}`).toContain(s.status)
    await connected(page)
    expect(await call(page, '/api/hello')).toBe(200)
  } finally {
    await foreign.close()
  }
})
