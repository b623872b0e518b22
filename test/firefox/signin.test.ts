import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Daemon, until } from '../browser/daemon.js'
import { Provider } from '../browser/provider.js'
import { firefox, Tab } from './firefox.js'

// Most providers are another site. To Firefox a frame that comes back from one is a request of that site, which gets no
// SameSite cookie: the hidden frame leads nowhere there, and the page itself has to go.

const daemon = new Daemon()
const provider = new Provider({ host: 'localhost' })
const place = '/ui/reports?thread_id=test123&page=2#row-3'
let browser: Browser
let tab: Tab

beforeAll(async () => {
  await provider.start()
  const secret = join(daemon.dir, 'client-secret')
  writeFileSync(secret, provider.clientSecret, { mode: 0o600 })
  await daemon.start('--issuer', provider.issuer, '--client-id', provider.clientId, '--client-secret-file', secret, '--claims', 'idp', '--sign-in', 'auto')
  provider.register(daemon.url)
  browser = await firefox()
})
afterAll(async () => {
  await browser?.close()
  await daemon.remove()
  await provider.close()
})

/** Clicks what carries this test id, once it can be seen. */
async function click(id: string): Promise<void> {
  await (await tab.page.waitForSelector(`[data-testid="${id}"]`, { visible: true }))!.click()
}

/** Asks the page, which may be on its way. */
const asks = (question: string): Promise<unknown> => tab.page.evaluate(question).catch(() => undefined)

/** Waits until a new page of the app is there at exactly this address, with a user. */
async function arrives(path: string): Promise<void> {
  await until(async () => tab.page.url() === daemon.url + path && !!(await asks('!window.old && keyturn.status().token')), `${path} is there and signed in`)
}

test('where the session is over the page is left, and comes back as it was', async () => {
  tab = await Tab.open(browser, `${daemon.url}/ui/reports`)
  await click('signin')
  const name = await tab.page.waitForSelector('[data-testid="idp-name"]')
  await name!.type('ann')
  await click('idp-login')
  await arrives('/ui/reports')
  await tab.page.goto(daemon.url + place)
  await arrives(place)

  provider.users.grant('ann', 'analyst')
  await browser.deleteCookie(...(await browser.cookies()).filter(({ name }) => name.startsWith('keyturn')))
  provider.forget()
  await asks('window.old = true')
  await click('load-reports')
  await until(() => provider.requests('/auth').length === 2, 'the provider is asked in a frame, and then by the page')
  await arrives(place)
  expect(provider.requests('/auth').map(({ framed, query }) => [framed, query.get('prompt')])).toEqual([[true, 'none'], [false, null]])
  expect(await tab.call('/reporting/api/reports')).toBe(200)
  expect(tab.errors.filter((e) => !e.includes('frame-ancestors'))).toEqual([])
})
