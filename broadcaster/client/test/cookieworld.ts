import type { FakeSocket } from './wires'
import type { Browser, Tab } from './world'
import { World } from './world'

/** What the browsers of a world hold in the cookie: key: browser; value: the token. */
export let jars: WeakMap<Browser, string>

/** A world whose server keeps tokens in a cookie. */
export function cookieWorld(): World {
  const world = new World()
  const { server } = world
  jars = new WeakMap()
  const refresh = server.refresh.bind(server)
  server.refresh = (tab: Tab) => {
    const answer = refresh(tab)
    return answer.ok ? inCookie(world, tab) : answer
  }
  const { decide, received, connect } = server as any
  ;(server as any).decide = async (tab: Tab, request: Request, body: string) => {
    if (new URL(request.url).pathname === '/auth/logout') jars.delete(tab.browser)
    const jar = jars.get(tab.browser)
    const sent = request.headers.get('authorization')
    tab.calls.push(`credentials ${request.credentials} ${new URL(request.url).pathname} ${sent ?? 'no header'}`)
    if (jar && !sent && request.credentials === 'include') {
      request = new Request(request.url, {
        method: request.method, ...(body && { body }), headers: { ...Object.fromEntries(request.headers), authorization: `Bearer ${jar}` },
      })
    }
    return decide.call(server, tab, request, body)
  }
  const handed = new WeakMap<FakeSocket, string | undefined>()
  server.connect = (socket: FakeSocket) => {
    handed.set(socket, jars.get(socket.tab.browser))
    connect.call(server, socket)
  }
  server.received = (socket: FakeSocket, frame: Record<string, unknown>) => {
    if (frame.type !== 'auth' || 'token' in frame) return received.call(server, socket, frame)
    const token = handed.get(socket)
    handed.delete(socket)
    if (token) return received.call(server, socket, { ...frame, token })
    socket.deliver({ type: 'error', code: 'token_missing', message: 'the token is missing', retryAfterMs: 100 })
    world.after(10, () => socket.end(4401))
  }
  return world
}

/** The answer of a server that has put a token for whoever the browser's session is of into its cookie. */
function inCookie({ server }: World, { browser }: Tab): Response {
  const token = server.token(browser.cookie!)
  jars.set(browser, token)
  const { key, kid } = server.signsWith ?? server.current
  const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
  return Response.json({ token_type: 'Bearer', expires_in: server.lifeMs / 1000, key, kid, claims, length: token.length })
}
