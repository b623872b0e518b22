import { readFileSync, readdirSync } from 'node:fs'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serveApp, signInto, visit } from './app.js'
import { setAppStage } from './appstage.js'
import { covers } from './covers.js'
import { binary, until } from './daemon.js'
import { type Block, blocks, folder, matches, missing, unseen } from './docs.js'
import { call } from './page.js'
import { app, breakRefresh, leak, scenes } from './scenes.js'
import { signinScenes } from './signin-scenes.js'

const stage = setAppStage()
const all = blocks()
const at = ({ page, line }: Block): string => `${page}:${line}`

/** Scenes that need more than a page and one daemon: test/docs_test.go plays those of commands, docs-signin.test.ts those of consoles. */
const elsewhere = { output: ['mismatch'], log: Object.keys(signinScenes) }

/** The block that follows one, if it is of this kind and has no name of its own. */
function after(block: Block, tag: string): Block | undefined {
  const next = all[all.indexOf(block) + 1]
  return next?.page === block.page && next.tag === tag && !next.name ? next : undefined
}

/** Types into the console of the developer tools: declarations last, await works at the top. */
async function type(page: Page, text: string): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const { exceptionDetails } = await session.send('Runtime.evaluate', { expression: text, replMode: true, awaitPromise: true })
  await session.detach()
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
}

test('each block says what it is, and somebody runs it', () => {
  covers('DOC-01', 'DOC-08', 'ACC-12')
  expect(new Set(all.map(({ page }) => page))).toEqual(new Set([
    'adapters.md', 'quick-reference.md', 'sign-in.md', 'technical.md', 'testing.md', 'troubleshooting.md', 'user-guide.md',
  ]))
  for (const block of all) {
    const { tag, name } = block
    const before = all[all.indexOf(block) - 1]
    const follows = (kind: string): boolean => !!before && after(before, tag) === block && before.tag === kind
    const known =
      tag === 'log' ? (name ? Object.hasOwn(scenes, name) || elsewhere.log.includes(name) : follows('js'))
      : tag === 'output' ? (name ? elsewhere.output.includes(name) : follows('sh'))
      : ['js', 'html', 'sh', 'ts', 'yaml', 'mjs', 'text', 'mermaid'].includes(tag) && !name
    expect(known, `${at(block)}: nobody runs a block of \`\`\`${tag} ${name}`).toBe(true)
  }
})

describe('what the pages tell people to type runs, and prints what they say', () => {
  for (const block of all.filter(({ tag }) => tag === 'js')) {
    test(at(block), async () => {
      covers('DOC-01')
      const { page, traffic } = await app(stage, { tag: 'data-config' })
      await type(page, block.text)
      const shown = after(block, 'log')
      const lacks = shown && await unseen(shown, traffic.lines)
      expect(lacks, traffic.lines.join('\n')).toEqual(shown && [])
      expect(traffic.errors).toEqual([])
    })
  }

  test('the snippets of a page one after the other in one console', async () => {
    covers('DOC-01')
    const { page, traffic } = await app(stage, { tag: 'data-config' })
    for (const block of all.filter((b) => b.tag === 'js' && b.page === 'user-guide.md')) await type(page, block.text)
    expect(traffic.errors).toEqual([])
  })
})

describe('the lines to look for are what the console shows', () => {
  for (const [name, play] of Object.entries(scenes)) {
    test(name, async () => {
      covers('DOC-08')
      const asked = all.filter((b) => b.tag === 'log' && b.name === name)
      expect(asked, 'a page shows this scene').not.toEqual([])
      const lines = await play(stage)
      for (const block of asked) {
        const lacks = await unseen(block, lines)
        expect(lacks, `${at(block)} in\n${lines.join('\n')}`).toEqual([])
      }
      expect(lines.filter((l) => /refresh/i.test(l) && !/🔄|JWT/.test(l))).toEqual([])
    })
  }

  test('each one in the running text stands in the code', () => {
    covers('DOC-08')
    const source = readdirSync(join(folder, '../src'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts')).map((name) => readFileSync(join(folder, '../src', name), 'utf8')).join('\n')
    let seen = 0
    for (const page of readdirSync(folder)) {
      for (const [, line] of readFileSync(join(folder, page), 'utf8').matchAll(/`\[(?:fetchWithAuth|Callback)\] (.*?)`/g)) {
        seen++
        expect(source, `${page}: ${line}`).toContain(line!.replace('Error during refresh: ', ''))
      }
    }
    expect(seen).toBeGreaterThan(5)
  })
})

test('the tag of the pages makes an app recover', async () => {
  const tags = all.filter(({ tag }) => tag === 'html')
  expect(tags.length).toBeGreaterThan(0)
  for (const { text } of tags) {
    const here = text.replace('https://keys.example.com', '').replace('https://api.example.com', stage.front.url)
    stage.front.file('/tagged', 'text/html; charset=utf-8', `<!doctype html><title>An app</title>${here}`)
    stage.front.stream = 'none'
    const { page } = await visit(await stage.context(), `${stage.front.url}/tagged`)
    await signInto(page, 'alice', ['user'], false)
    await leak(stage)
    expect(await page.evaluate(async () => (await fetch('/api/hello')).status)).toBe(200)
  }
})

describe('the commands of the pages run beside keyturn dev, and print what they say', () => {
  let place = ''
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'keyturn-docs-'))
    symlinkSync(binary, join(place, 'keyturn'))
    symlinkSync(stage.daemon.dir, join(place, 'keyturn-data'))
  })
  afterAll(() => { rmSync(place, { recursive: true, force: true }) })

  const sh = (text: string): Promise<{ code: number, out: string }> => new Promise((resolve) => {
    const env = { PATH: `${place}:${process.env.PATH}`, HOME: place }
    execFile('sh', ['-eu', '-c', text], { cwd: place, env }, (error, stdout, stderr) => {
      resolve({ code: error ? 1 : 0, out: stdout + stderr })
    })
  })

  for (const block of all.filter(({ tag }) => tag === 'sh')) {
    test(at(block), async () => {
      const { code, out } = await sh(block.text)
      expect(code, out).toBe(0)
      const shown = after(block, 'output')
      expect(shown && missing(shown, out.split('\n')), out).toEqual(shown && [])
    })
  }
})

test('the guide has its ten sections, in the order of its list', () => {
  covers('DOC-01')
  const guide = readFileSync(join(folder, 'user-guide.md'), 'utf8')
  const sections = [...guide.matchAll(/^## (.*)$/gm)].map(([, title]) => title)
  expect(sections).toEqual([
    'What it is', 'What you will see', 'Your four options', 'Keyboard shortcuts', 'Developer tools', 'Troubleshooting',
    'Questions and answers', 'Expected behavior', 'Support', 'In short',
  ])
  expect([...guide.matchAll(/^\d+\. \[(.*)\]\(#/gm)].map(([, title]) => title)).toEqual(sections)
  expect([...guide.matchAll(/^### Option \d: (.*)$/gm)].map(([, title]) => title)).toEqual(['do nothing', 'Refresh Token', 'Hard Refresh Page', 'Dismiss'])
  for (const keys of ['Ctrl + Shift + R', 'Cmd + Shift + R', 'Cmd + Option + R']) expect(guide).toContain(keys)
})

test('the script weighs what the technical page says at most', () => {
  const [, most] = /script, gzip \| at most (\d+) KiB/.exec(readFileSync(join(folder, 'technical.md'), 'utf8'))!
  const weighs = gzipSync(readFileSync(join(folder, '../dist/keyturn.js')), { level: 9 }).length / 1024
  expect(weighs).toBeLessThanOrEqual(+most!)
  expect(weighs).toBeGreaterThan(+most! - 4)
})

describe('the steps of troubleshooting mend what they are for', () => {
  const notice = (page: Page): Locator => page.locator('keyturn-notice')
  const click = (page: Page, name: string): Promise<void> => notice(page).getByRole('button', { name, exact: true }).click()

  test('an outdated token, and an endpoint that works again: Refresh Token', async () => {
    covers('DOC-02')
    const { page } = await app(stage, { socket: false })
    const mend = breakRefresh(stage)
    await leak(stage)
    expect(await call(page, '/api/hello')).toBe(401)
    mend()
    // It is shown for three seconds: looked for from before on, it is not missed.
    await Promise.all([notice(page).getByText('✅ Token Refreshed Successfully').waitFor(), click(page, 'Refresh Token')])
    expect(await call(page, '/api/hello')).toBe(200)
  })

  for (const [who, host, helps] of [['the page\'s own server', '127.0.0.1', true], ['another server', 'localhost', false]] as const) {
    test(`an old copy of the app's files from ${who}: Hard Refresh Page, ${helps ? 'which is enough' : 'and then to clear the cache'}`, async () => {
      covers('DOC-02')
      const { front } = stage
      const forever = { 'cache-control': 'max-age=31536000, immutable' }
      const other = front.url.replace('127.0.0.1', host)
      // The old release of the app had a way of its own to get tokens, which is gone.
      const old = 'release = 1; keyturn.configure({ refresh: () => Promise.reject(new Error("JWT verification failed")) })'
      front.stream = 'none'
      front.file('/release.js', 'text/javascript', old, forever)
      serveApp(front, '/app', { scripts: [`${other}/release.js`], headers: { 'content-security-policy': `script-src 'self' ${other}` } })
      const { page } = await visit(await stage.context(), `${front.url}/app`)
      await signInto(page, 'alice', ['user'], false).catch(() => {})
      front.file('/release.js', 'text/javascript', 'release = 2', forever)
      // A page that is being left answers nothing.
      const look = (): Promise<{ release?: number; before?: boolean }> =>
        page.evaluate(() => ({ release: (window as any).release, before: (window as any).before })).catch(() => ({}))
      const release = async (): Promise<unknown> => (await look()).release
      const renewed = async (step: () => Promise<unknown>): Promise<void> => {
        await page.evaluate(() => { (window as any).before = true })
        await step()
        await until(async () => {
          const { release, before } = await look()
          return release !== undefined && !before
        }, 'the page is a new one')
      }
      await renewed(() => page.reload())
      expect(await release(), 'a plain reload changes nothing').toBe(1)
      const failing = async (): Promise<void> => {
        expect(await call(page, '/api/hello')).toBe(401)
        await click(page, 'Refresh Token')
        await notice(page).getByText('Refresh Failed').waitFor()
      }
      await failing()
      await renewed(() => click(page, 'Hard Refresh Page'))
      expect(await release()).toBe(helps ? 2 : 1)
      if (!helps) {
        await failing()
        const session = await page.context().newCDPSession(page)
        await session.send('Network.clearBrowserCache')
        await session.detach()
        await renewed(() => page.reload())
        expect(await release()).toBe(2)
      }
      await until(async () => (await call(page, '/api/hello')) === 200, 'the page is signed in')
      await leak(stage)
      expect(await call(page, '/api/hello')).toBe(200)
    })
  }

  test('a wrong endpoint: the check names it, and the corrected tag mends it', async () => {
    covers('DOC-04')
    await (await app(stage)).page.close()
    const context = await stage.context()
    serveApp(stage.front, '/app', { tag: 'data-refresh="/wrong/refresh"' })
    const { page } = await visit(context, `${stage.front.url}/app`)
    await page.evaluate(() => fetch('/auth/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"sub":"alice","roles":["user"]}' }))
    expect(await call(page, '/api/hello')).toBe(401)
    const { issues } = await page.evaluate(() => (window as any).__dynamicAuthManager.checkConfiguration())
    expect(issues[0].message).toContain(`${stage.front.url}/wrong/config-status`)
    serveApp(stage.front, '/app')
    await page.reload()
    await until(async () => (await call(page, '/api/hello')) === 200, 'the page is signed in')
    const report = await page.evaluate(() => (window as any).__dynamicAuthManager.checkConfiguration())
    expect(report.lines).toContain('Endpoint configured: yes')
  })
})

test('a shown line is matched as a whole, and … stands for something', () => {
  for (const [shown, line, want] of [
    ['a … c', 'a b c', true], ['a … c', 'a  c', false], ['a', 'a b', false], ['(a.b)', '(a.b)', true], ['(a.b)', '(axb)', false], ['…b…', 'abc', true],
  ] as const) expect(matches(shown, line), `${shown} | ${line}`).toBe(want)
})
