import { beforeEach, expect, test } from 'vitest'
import { Traffic } from './chromium.js'
import { covers } from './covers.js'
import { Daemon, type Entry, until } from './daemon.js'
import { signIn, status } from './page.js'
import { setStage } from './stage.js'

const stage = setStage()

beforeEach(async () => {
  await signIn(stage.page, stage.daemon.url, 'alice', ['user'], { calling: true })
  stage.traffic.restart()
})

test('an idle page moves to the new key with no failed request, and a half-filled form stays', async () => {
  covers('DET-07', 'REF-09', 'ACC-13')
  const { daemon, page, traffic } = stage
  await page.fill('textarea', 'half a thought')
  await page.evaluate(() => { (window as unknown as { marker: string }).marker = 'same document' })
  const before = await status(page)
  const turned = await daemon.run('rotate', 'demo')
  expect(turned, turned.out).toMatchObject({ code: 0 })

  await until(async () => (await status(page)).token?.kid !== before.token?.kid, 'the page holds a token under the new key')
  const after = await status(page)
  expect(after.token?.key).toBe(after.key)
  expect(traffic.refused).toEqual([])
  expect(traffic.errors).toEqual([])
  expect(await page.inputValue('textarea')).toBe('half a thought')
  expect(await page.evaluate(() => (window as unknown as { marker: string }).marker)).toBe('same document')
})

const turns: Record<string, (keys: Entry[]) => Entry[]> = {
  'a new kid over a new secret': ([old]) => [{ ...fresh(old), kid: 'by-hand' }, { ...must(old), stage: 'previous' }],
  'a new secret under the same kid': ([old]) => [fresh(old)],
  'a new kid over the same secret': ([old]) => [{ ...must(old), kid: 'renamed' }],
}
test('a key turned in an editor is one refresh and none in the next ten beacons, however it was turned', async () => {
  covers('EDGE-11', 'DET-07')
  // Each way on a daemon of its own, at the same time: it is mostly waiting for beacons.
  await Promise.all(Object.entries(turns).map(async ([name, turn]) => {
    const daemon = await new Daemon().start('--beacon', '1s')
    const context = await stage.context.browser()!.newContext()
    try {
      const page = await context.newPage()
      const traffic = new Traffic(page)
      await signIn(page, daemon.url, 'alice', ['user'], { calling: true })
      traffic.restart()
      const before = await status(page)
      daemon.edit(turn)
      await until(async () => {
        const now = await status(page)
        return now.token?.key === now.key && now.key !== before.key
      }, `the page moved: ${name}`)
      const frames = traffic.frames
      await until(() => traffic.frames >= frames + 10, `ten more beacons came: ${name}`)
      expect([name, traffic.refreshes.length, traffic.refused]).toEqual([name, 1, []])
    } finally {
      await context.close()
      await daemon.remove()
    }
  }))
})

test('eight tabs, one rotation: one refresh in the whole browser', async () => {
  covers('REF-14', 'FUT-8')
  const { daemon, context, page, traffic } = stage
  const tabs = [page]
  const refreshes = [traffic]
  for (let i = 1; i < 8; i++) {
    const tab = await context.newPage()
    refreshes.push(new Traffic(tab))
    await tab.goto(daemon.url)
    tabs.push(tab)
  }
  for (const tab of tabs) await until(async () => (await status(tab)).socket === 'open', 'every tab is connected')
  const count = () => refreshes.reduce((sum, t) => sum + t.refreshes.length, 0)
  const before = count()
  const key = (await status(page)).key
  expect((await daemon.run('rotate', 'demo')).code).toBe(0)
  for (const tab of tabs) {
    await until(async () => {
      const now = await status(tab)
      return now.token?.key === now.key && now.key !== key
    }, 'every tab moved')
  }
  expect(count() - before).toBe(1)
  expect(refreshes.flatMap((t) => t.refused)).toEqual([])
})

function must(entry: Entry | undefined): Entry {
  if (!entry) throw new Error('the key file is empty')
  return entry
}

function fresh(old: Entry | undefined): Entry {
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')
  return { ...must(old), stage: 'current', secret }
}
