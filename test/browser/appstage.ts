import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { launch } from './chromium.js'
import { Daemon } from './daemon.js'
import { Front } from './front.js'

/** What a test of an app plays on: one browser and one daemon a file, a front and contexts of its own a test. */
export interface AppStage {
  browser: Browser
  daemon: Daemon
  front: Front
  /** A browser profile of its own, closed after the test. */
  context(options?: BrowserContextOptions): Promise<BrowserContext>
}

/** Registers a file's hooks; flags are those of the daemon besides the usual ones. The members are set anew for each test; the daemon's ring goes on turning. */
export function setAppStage(...flags: string[]): AppStage {
  const contexts: BrowserContext[] = []
  const stage = {
    async context(options) {
      const context = await stage.browser.newContext(options)
      contexts.push(context)
      return context
    },
  } as AppStage
  beforeAll(async () => {
    stage.browser = await launch()
    stage.daemon = await new Daemon().start('--beacon', '1s', ...flags)
  })
  afterAll(async () => {
    await stage.browser.close()
    await stage.daemon.remove()
  })
  beforeEach(async () => {
    stage.front = await new Front(stage.daemon.url).start()
  })
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close()
    await stage.front.close()
  })
  return stage
}
