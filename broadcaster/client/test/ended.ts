import type { Settings } from '../src/settings'
import type { SignInMode } from '../src/signin'
import { problem } from './server'
import type { FakeFrame, Tab } from './world'
import { World } from './world'

export const here = 'https://app.example.com/ui/reports?thread_id=test123&page=2&filter=active#row-7'
export const place = '/ui/reports?thread_id=test123&page=2&filter=active#row-7'
export const back = encodeURIComponent('https://app.example.com/ui/callback?refresh=true')
export const login = (more = ''): string => `https://app.example.com/auth/login?provider=&aud=&redirect_uri=${back}${more}`
export const expired = 'Your authentication session has expired. Please log in again.'

/** A page where somebody is signed in; its session has ended since, and its token is refused. */
export async function over(signIn: SignInMode, settings: Partial<Settings> = {}, world = new World(), browser = world.browser()): Promise<{ world: World; tab: Tab }> {
  const tab = browser.tab(here)
  tab.start({ settings: { signIn, ...settings } })
  await world.run(1_000)
  end(world)
  return { world, tab }
}

/** The session ends; refused: the token is, too. */
export function end(world: World, refused = true): void {
  if (refused) world.server.turn({ key: 'k2', kid: '2026-11-b' }, { keep: false, silent: true })
  world.server.refreshScript = () => problem(401, 'session_missing')
}

/** A sign-in that succeeds: from now on the session endpoint gives tokens. */
export const succeeds = (frame: FakeFrame): unknown => frame.says({ ok: true }).tab.world.after(20, () => (frame.tab.world.server.refreshScript = () => null))

/** What becomes of a call: its status, or the error's code and message. */
export const fate = (call: Promise<Response>): Promise<unknown> => call.then((r) => r.status, (e: { code: string; message: string }) => [e.code, e.message])
export const gone = ['redirecting', 'TOKEN_REFRESH_IN_PROGRESS']

/** Lines of the console by their number in the guide's list. */
export const told = (tab: Tab): string[] => tab.lines.flatMap((line) => /\[(?:fetchWithAuth|Callback)\] .*/.exec(line)?.[0] ?? [])
