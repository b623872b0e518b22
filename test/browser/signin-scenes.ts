import { until } from './daemon.js'
import type { Tab } from './person.js'
import type { Setting, SigninStage } from './signin-stage.js'

/** What a console shows of a sign-in, in a mode of the client; key: the name by which a page's `log` block asks for it. */
export type SigninScenes = Readonly<Record<string, { mode: Setting['mode'], play: (stage: SigninStage) => Promise<string[]> }>>

/** Resolves with the lines of a tab once one of them has come. */
async function told(tab: Tab, last: string): Promise<string[]> {
  await until(() => tab.lines.some((l) => l.includes(last)), `the console says ${last}`)
  return tab.lines
}

/** Somebody is granted a role while at this place, and does what needs it. */
async function granted(stage: SigninStage, place: string, prepare?: (tab: Tab) => Promise<unknown>): Promise<Tab> {
  const ann = await stage.person()
  const tab = await ann.signedIn(place)
  await stage.setRoles(ann, ['user', 'analyst'])
  await prepare?.(tab)
  await tab.click('load-reports')
  return tab
}

const deep = '/ui/reports?thread_id=test123&page=2&filter=active#R-1032'

export const signinScenes: SigninScenes = {
  redirected: {
    mode: 'redirect',
    async play(stage) {
      const tab = await granted(stage, '/ui/reports')
      const lines = await told(tab, '[Callback] Redirecting')
      await tab.arrives('/ui/reports')
      return lines
    },
  },

  kept: {
    mode: 'redirect',
    async play(stage) {
      const tab = await granted(stage, deep)
      const lines = await told(tab, '[Callback] Redirecting')
      await tab.arrives(deep)
      // What the guide says of the page.
      const { page } = tab
      await page.locator('tr.marked[data-id="R-1032"]').waitFor()
      const shown = [await page.getByTestId('thread').locator('option:checked').textContent(), await page.getByTestId('filter').inputValue(), await page.getByTestId('page').textContent()]
      if (shown.join() !== 'Quarter-end close,active,2') throw new Error(`the page shows ${shown.join()}`)
      return lines
    },
  },

  'redirected-denied': {
    mode: 'redirect',
    async play(stage) {
      const ann = await stage.person()
      const tab = await ann.signedIn()
      await tab.open('/ui/admin')
      const lines = await told(tab, 'user lacks permission')
      await tab.page.getByText('Access Denied').waitFor()
      return lines
    },
  },

  lost: {
    mode: 'redirect',
    async play(stage) {
      const tab = await granted(stage, '/ui/reports?thread_id=test', ({ page }) => page.addInitScript(() => {
        if (location.pathname !== '/ui/callback') return
        // What the tester types in time.
        const { info } = console
        console.info = (...what: unknown[]) => {
          info(...what)
          if (String(what[0]).includes('Will redirect')) sessionStorage.clear()
        }
      }))
      await tab.arrives('/ui/reports')
      return told(tab, 'NOW redirecting')
    },
  },

  normal: {
    mode: 'redirect',
    async play(stage) {
      const ann = await stage.person()
      const tab = await ann.tab()
      await tab.open('/ui/reports')
      await tab.click('signin')
      await tab.loginAtProvider()
      await tab.arrives('/ui/reports')
      return told(tab, '[Callback] Redirecting')
    },
  },

  expired: {
    mode: 'auto',
    async play(stage) {
      const ann = await stage.person()
      const tab = await ann.signedIn()
      stage.provider.endSession(ann.name)
      await ann.context.clearCookies({ name: /keyturn/ })
      await tab.click('load-reports')
      const lines = await told(tab, '[Callback] Silent refresh failed')
      await tab.page.getByTestId('idp-name').waitFor() // and then the login
      return lines
    },
  },
}
