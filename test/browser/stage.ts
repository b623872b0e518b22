import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { launch, Traffic } from './chromium.js'
import { Daemon } from './daemon.js'

/** What a test plays on. Its members are set anew for each test. */
export interface Stage {
  daemon: Daemon
  context: BrowserContext
  page: Page
  traffic: Traffic
}

/** Registers a file's hooks: one browser, and for each test a daemon and an empty page of its own. */
export function setStage(): Stage {
  const stage = {} as Stage
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(async () => {
    await browser.close()
  })
  beforeEach(async () => {
    stage.daemon = await new Daemon().start('--beacon', '1s')
    stage.context = await browser.newContext()
    stage.page = await stage.context.newPage()
    stage.traffic = new Traffic(stage.page)
  })
  afterEach(async () => {
    await stage.context.close()
    await stage.daemon.remove()
  })
  return stage
}
