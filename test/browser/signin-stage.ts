import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { launch } from './chromium.js'
import { Daemon, until } from './daemon.js'
import { Person, type Tab } from './person.js'
import { Provider, type ProviderOptions } from './provider.js'

/** How an app signs its people in. */
export interface Setting {
  /** Where roles live: at the provider, or with the app, which keyturn asks. */
  claims: 'idp' | 'hook'
  /** What the client does when a refresh needs more than its endpoint. */
  mode: 'silent' | 'auto' | 'redirect'
}

/** What a test of a sign-in plays on: the demo app of the real binary, and a real provider. */
export interface SigninStage {
  browser: Browser
  provider: Provider
  daemon: Daemon
  /** Somebody with a browser of their own and a name that nobody had before, closed and looked through after the test. */
  person(): Promise<Person>
  /** Changes somebody's roles where they live, and nowhere else; tell: live pages hear of it. Roles are all that they have then. */
  setRoles(who: Person, roles: string[], tell?: boolean): Promise<void>
}

let people = 0

/** Registers the hooks of a file, or of one part of it: one browser, daemon and provider for all of its tests. */
export function setSigninStage(setting: Setting, options: ProviderOptions = {}, ...flags: string[]): SigninStage {
  let there: Person[] = []
  let admin: Tab | undefined
  const { claims, mode } = setting
  const stage = {
    async person() {
      const person = await Person.arrive(`ann${++people}`, stage.daemon.url, stage.browser)
      there.push(person)
      return person
    },
    async setRoles(who, roles, tell = false) {
      if (claims === 'idp') {
        stage.provider.users.set(who.name, ...roles)
        if (tell) {
          const told = await stage.daemon.run('claims', 'demo', who.sub)
          if (told.code !== 0) throw new Error(`keyturn claims: ${told.out}`)
        }
        return
      }
      if (!admin) {
        const root = await Person.arrive(`root${++people}`, stage.daemon.url, stage.browser)
        stage.provider.users.set(root.name, 'user', 'admin')
        admin = await root.signedIn()
      }
      await admin.open('/ui/admin')
      const { page } = admin
      for (const role of ['user', 'analyst', 'reviewer', 'admin']) {
        await page.getByTestId(`role-${role}-${who.sub}`).setChecked(roles.includes(role))
      }
      await page.getByTestId('tell').setChecked(tell)
      const saved = page.waitForResponse((r) => r.request().method() === 'PUT')
      await page.getByTestId(`save-${who.sub}`).click()
      const answer = await saved
      if (!answer.ok()) throw new Error(`save roles: ${answer.status()} ${await answer.text()}`)
    },
  } as SigninStage
  beforeAll(async () => {
    stage.browser = await launch()
    stage.provider = await new Provider(options).start()
    stage.daemon = new Daemon()
    const secret = join(stage.daemon.dir, 'client-secret')
    writeFileSync(secret, stage.provider.clientSecret, { mode: 0o600 })
    await stage.daemon.start('--beacon', '1s', '--issuer', stage.provider.issuer, '--client-id', stage.provider.clientId,
      '--client-secret-file', secret, '--claims', claims, '--sign-in', mode, ...flags)
    stage.provider.register(stage.daemon.url)
  })
  afterAll(async () => {
    await admin?.page.context().close()
    await stage.browser.close()
    await stage.daemon.remove()
    await stage.provider.close()
  })
  beforeEach(() => {
    stage.provider.framing = 'allow'
    stage.provider.slow(0)
    stage.provider.forget()
  })
  afterEach(async () => {
    stage.provider.letGo()
    const leaving = there
    there = []
    const results = await Promise.allSettled(leaving.map((p) => p.leave()))
    for (const r of results) if (r.status === 'rejected') throw r.reason
  })
  return stage
}

/** Ends everything that keyturn's server knows of a browser's session, as an operator would; the browser's token goes on to live. */
export async function endSession(who: Person): Promise<void> {
  await who.context.clearCookies({ name: /^keyturn|^__Host-keyturn/ })
  await until(async () => (await who.context.cookies()).every((c) => !/keyturn/.test(c.name)), 'the session cookie is gone')
}
