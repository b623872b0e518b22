import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { launch } from './chromium.js'
import { covers } from './covers.js'
import { Daemon, freePort, until } from './daemon.js'
import { blocks, unseen } from './docs.js'
import { signinScenes } from './signin-scenes.js'
import { setSigninStage } from './signin-stage.js'

// The scenes of the pages that take a provider; docs.test.ts plays the others.

const all = blocks()

for (const mode of ['redirect', 'auto'] as const) {
  describe(`the lines to look for are what the console shows, ${mode}`, () => {
    const stage = setSigninStage({ claims: 'hook', mode }, {}, '--callback-delay', '300ms')
    for (const [name, scene] of Object.entries(signinScenes).filter(([, s]) => s.mode === mode)) {
      test(name, async () => {
        covers('DOC-07', 'DOC-08', 'T-dbg')
        const asked = all.filter((b) => b.tag === 'log' && b.name === name)
        expect(asked, 'a page shows this scene').not.toEqual([])
        const lines = await scene.play(stage)
        for (const block of asked) {
          const lacks = await unseen(block, lines)
          expect(lacks, `${block.page}:${block.line} in\n${lines.join('\n')}`).toEqual([])
        }
      })
    }
  })
}

test('the provider of ten lines signs people in, with their roles', async () => {
  covers('DOC-07')
  const scripts = all.filter(({ tag }) => tag === 'mjs')
  expect(scripts).toHaveLength(1)
  const place = mkdtempSync(join(tmpdir(), 'keyturn-docs-'))
  const daemon = new Daemon()
  const browser = await launch()
  let provider: ChildProcess | undefined
  try {
    const issuer = `http://127.0.0.1:${await freePort()}`
    await daemon.start('--issuer', issuer) // it asks the provider when somebody signs in
    const script = scripts[0]!.text.replaceAll('http://127.0.0.1:9000', issuer).replace('listen(9000', `listen(${new URL(issuer).port}`)
      .replace('http://127.0.0.1:8080', daemon.url)
    expect(script).not.toMatch(/:8080|9000/)
    symlinkSync(fileURLToPath(new URL('node_modules', import.meta.url)), join(place, 'node_modules'))
    writeFileSync(join(place, 'provider.mjs'), script)
    provider = spawn(process.execPath, ['provider.mjs'], { cwd: place, stdio: 'ignore' })
    await until(async () => (await fetch(`${issuer}/.well-known/openid-configuration`).catch(() => undefined))?.ok ?? false, 'the provider answers')

    const page = await browser.newPage()
    await page.goto(`${daemon.url}/ui/`)
    await page.getByTestId('signin').click()
    await page.locator('input[name=login]').fill('root')
    await page.locator('input[name=password]').fill('anything')
    await page.locator('button[type=submit]').click()
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByTestId('who').filter({ hasText: 'idp|root' }).waitFor()
    expect(await page.evaluate(() => (window as any).keyturn.decodeToken().payload.roles)).toEqual(['user', 'admin'])
    // A refresh asks it again.
    await page.evaluate(() => (window as any).keyturn.refresh())
    expect(await page.evaluate(() => (window as any).keyturn.decodeToken().payload.roles)).toEqual(['user', 'admin'])
  } finally {
    await browser.close()
    if (provider) {
      const ending = provider
      const gone = new Promise((resolve) => ending.once('close', resolve))
      provider.kill()
      await gone
    }
    await daemon.remove()
    rmSync(place, { recursive: true, force: true })
  }
})
