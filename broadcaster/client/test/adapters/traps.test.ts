import { afterEach, describe, expect, test } from 'vitest'
import { fromFunction } from '../../src/adapters/any'
import { fromKeycloak } from '../../src/adapters/keycloak-js'
import { fromMsal } from '../../src/adapters/msal'
import type { Stand } from './stands'
import { any, auth0, keycloak, msal, oidc } from './stands'

// Each library first as an app would use it, which shows the trap, then through its adapter.

let open: Stand
const on = <S extends Stand>(stand: S): S => {
  open = stand
  return stand
}
afterEach(() => open.stage.close())

describe('oidc-client-ts', () => {
  test('signinSilent twice at a time spends one refresh token twice, and the provider refuses; the adapter asks once', async () => {
    const { stage, client, signIn, adapter } = on(await oidc())
    await signIn('alice')
    const ways = await Promise.allSettled([client.signinSilent(), client.signinSilent()])
    expect(ways.map((way) => way.status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(new Set(stage.asked.map((form) => form.get('refresh_token'))).size).toBe(1)
    stage.asked.length = 0
    await signIn('alice')
    const { refresh } = adapter()
    await Promise.all([refresh(), refresh(), refresh()])
    expect(stage.refreshes).toBe(1)
  })

  test('its own timer refreshes in each tab; the adapter ends it', async () => {
    const { stage, signIn, client, adapter } = on(await oidc())
    await signIn('alice')
    await stage.pass(545_000) // of the 600 s that its token lives
    expect(stage.refreshes).toBe(1)
    await signIn('alice')
    adapter()
    await stage.pass(1_200_000)
    expect([stage.refreshes, (await client.getUser())?.expired]).toEqual([1, true])
  })

  test('the refresh token that another tab has spent meanwhile ends nothing: its token is taken', async () => {
    const { stage, client, signIn, adapter } = on(await oidc())
    await signIn('alice')
    const { refresh, getToken } = adapter()
    let go!: () => void
    stage.gate = new Promise((resolve) => { go = resolve })
    const late = refresh()
    while (stage.refreshes === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    // The other tab has the same store. It got its answer, this one's request is refused.
    const { refresh_token, access_token } = stage.grant() as Record<string, string>
    const user = (await client.getUser())!
    await client.storeUser(Object.assign(user, { refresh_token, access_token }))
    stage.mood = 'refuses'
    go()
    expect((await late)?.token).toBe(access_token)
    expect(await getToken()).toBe(access_token)
  })
})

describe('keycloak-js', () => {
  test('updateToken of a token that is not about to end answers false and asks nobody; the adapter asks', async () => {
    const stand = on(await keycloak())
    await stand.signIn('alice')
    const { client, stage } = stand
    const before = client.token
    expect([await client.updateToken(30), await client.updateToken(0), await client.updateToken()]).toEqual([false, false, false])
    expect([stage.refreshes, client.token]).toEqual([0, before])
    expect((await stand.adapter().refresh())?.token).toBe(client.token)
    expect(stage.refreshes).toBe(1)
    expect(client.token).not.toBe(before)
  })

  test('a handler of its end that refreshes while a refresh is under way makes no second one', async () => {
    const stand = on(await keycloak())
    await stand.signIn('alice')
    const { client, stage } = stand
    client.onTokenExpired = () => { void client.updateToken(30) }
    let go!: () => void
    stage.gate = new Promise((resolve) => { go = resolve })
    const going = stand.adapter().refresh()
    await stage.pass(890_000)
    client.onTokenExpired()
    go()
    expect((await going)?.token).toBe(client.token)
    expect(stage.refreshes).toBe(1)
  })

  test('the app hears of a logout as before, once', async () => {
    const stand = on(await keycloak())
    await stand.signIn('alice')
    const { client, stage } = stand
    let heard = 0
    client.onAuthLogout = () => { heard++ }
    const handler = client.onAuthLogout
    const { refresh } = stand.adapter()
    await refresh()
    expect([client.onAuthLogout, heard]).toEqual([handler, 0])
    stage.mood = 'refuses'
    expect([await refresh(), heard, client.onAuthLogout]).toEqual([null, 1, handler])
  })

  test('without a refresh token the error says how to get one', async () => {
    const stand = on(await keycloak())
    await stand.signIn('alice')
    delete stand.client.refreshToken
    await expect(fromKeycloak(stand.client).refresh()).rejects.toThrow("keycloak-js: there is no refresh token: sign in with the flow 'standard'")
    expect(stand.stage.asked).toEqual([])
  })
})

describe('auth0-spa-js', () => {
  test('getTokenSilently answers from its cache; the adapter goes past it', async () => {
    const { stage, client, signIn, adapter } = on(await auth0())
    await signIn('alice')
    const before = await client.getTokenSilently()
    expect([await client.getTokenSilently(), stage.refreshes]).toEqual([before, 0])
    expect((await adapter().refresh())?.token).not.toBe(before)
    expect(stage.refreshes).toBe(1)
  })

  test('a token that ends within a minute is no longer in its cache: the page goes on with it, and nobody is signed out', async () => {
    const { stage, signIn, adapter } = on(await auth0())
    await signIn('alice')
    const { getToken } = adapter()
    const before = await getToken()
    await stage.pass(86_350_000)
    expect([await getToken(), stage.refreshes]).toEqual([before, 0])
    // A page that has just been loaded has none to go on with.
    const next = adapter()
    const both = await Promise.all([next.getToken(), next.getToken()])
    expect([both[0] !== before, both[0] === both[1], stage.refreshes]).toEqual([true, true, 1])
  })

  test('login_required of the hidden frame, after which the client has no user, is the end of the sign-in', async () => {
    const { stage, client, signIn, adapter } = on(await auth0({ useRefreshTokens: false }))
    await signIn('alice')
    const { getToken, refresh } = adapter()
    await getToken()
    // In an isolated page no frame can be asked: the client then answers as for blocked cookies.
    Object.assign(stage.window, { crossOriginIsolated: true })
    expect([await refresh(), await getToken(), await client.getUser()]).toEqual([null, null, undefined])
  })

  test('a refresh token that is not there any more is the end of the sign-in', async () => {
    const { stage, signIn, adapter } = on(await auth0())
    delete (stage.recorded.granted as { refresh_token?: string }).refresh_token
    await signIn('alice')
    const { getToken, refresh } = adapter()
    await getToken()
    expect([await refresh(), await getToken(), stage.asked.length]).toEqual([null, null, 0])
  })
})

describe('msal', () => {
  const scopes = ['api://payments/use']

  test('acquireTokenSilent without forceRefresh refreshes nothing; the adapter forces it', async () => {
    const { stage, client, signIn, adapter } = on(await msal())
    await signIn('alice')
    const before = await client.acquireTokenSilent({ scopes })
    expect([before.fromCache, (await client.acquireTokenSilent({ scopes })).accessToken, stage.refreshes]).toEqual([true, before.accessToken, 0])
    expect((await adapter().refresh())?.token).not.toBe(before.accessToken)
    expect(stage.refreshes).toBe(1)
    expect(stage.asked[0]!.get('scope')?.split(' ')).toContain('api://payments/use')
  })

  test('a token that has ended is no longer in its cache: looking for it asks nobody, and nobody is signed out', async () => {
    const { stage, signIn, adapter } = on(await msal())
    await signIn('alice')
    const { getToken } = adapter()
    const before = await getToken()
    await stage.pass(4_520_000)
    expect([await getToken(), stage.refreshes]).toEqual([before, 0])
    expect([await adapter().getToken() === before, stage.refreshes]).toEqual([false, 1])
  })

  test('an ID token is no access token: scopes that bring none are refused when the adapter is made', async () => {
    const { client } = on(await msal())
    for (const none of [[], ['openid'], ['openid', 'profile', 'offline_access']]) {
      expect(() => fromMsal(client, { scopes: none })).toThrow('name a scope of your API')
    }
  })

  test('an answer with an ID token alone is an error that says what to ask for', async () => {
    const { stage, signIn, adapter } = on(await msal())
    await signIn('alice')
    const { refresh, getToken } = adapter()
    const before = await getToken()
    Object.assign(stage.recorded.granted, { access_token: '' })
    await expect(refresh()).rejects.toThrow('msal: an ID token came and no access token: name a scope of your API')
    expect(await getToken()).toBe(before)
  })

  test('what the library takes for a case for the user is one, whatever the provider calls it', async () => {
    const { stage, signIn, adapter } = on(await msal())
    await signIn('alice')
    const { refresh, getToken } = adapter()
    await getToken()
    stage.mood = 'refuses'
    Object.assign(stage.recorded.refused, { error: 'ui_not_allowed', suberror: 'ui_not_allowed' })
    expect([await refresh(), await getToken()]).toEqual([null, null])
  })

  test('of several accounts none is guessed', async () => {
    const { client, signIn, adapter } = on(await msal())
    await signIn('alice')
    await signIn('bob')
    client.setActiveAccount(null)
    await expect(adapter().getToken()).rejects.toThrow('msal: several accounts are signed in and none is active: call setActiveAccount')
    const [first] = client.getAllAccounts()
    expect(await fromMsal(client, { scopes, account: first! }).getToken()).toBe((await client.acquireTokenSilent({ scopes, account: first! })).accessToken)
  })

  test('a page with one account, and none called active, has that one', async () => {
    const { client, signIn, adapter } = on(await msal())
    await signIn('alice')
    client.setActiveAccount(null)
    expect(await adapter().getToken()).toBe((await client.acquireTokenSilent({ scopes, account: client.getAllAccounts()[0]! })).accessToken)
  })
})

describe('any function', () => {
  test('one that may be called in parallel is not, for a fresh token; other calls go on meanwhile', async () => {
    const { stage } = on(await any())
    const { server } = stage.world
    let running = 0
    let most = 0
    let token = server.token('alice')
    const old = token
    const { getToken, refresh } = fromFunction(async ({ fresh }) => {
      if (!fresh) return token
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
      return (token = server.token('alice'))
    })
    const going = [refresh(), refresh(), refresh()]
    expect(await getToken()).toBe(old)
    const got = await Promise.all(going)
    expect([most, new Set(got.map((one) => one?.token)).size, got[0]?.token === old]).toEqual([1, 1, false])
  })

  test('one that answers from its cache all the same is told so', async () => {
    const { stage } = on(await any())
    const token = stage.world.server.token('alice')
    await expect(fromFunction(() => token).refresh()).rejects.toThrow('getToken: the provider was asked, and the token is the same as before: called with {fresh: true} it must go past its cache')
  })

  test('one that knows how long its token lives says so, and one that rejects keeps the user', async () => {
    const { stage } = on(await any())
    const { server } = stage.world
    let given: () => unknown = () => ({ token: server.token('alice'), expiresIn: 42 })
    const { refresh, getToken } = fromFunction(async () => given() as string)
    expect((await refresh())?.expiresIn).toBe(42)
    const token = server.token('alice')
    given = () => token
    expect(await getToken()).toBe(token)
    given = () => { throw Object.assign(new Error('canary'), { error: 'server_error' }) }
    await expect(refresh()).rejects.toThrow('canary') // the app's own function, the app's own error
  })

  test('an adapter of a bundle of its own, with its own class of errors, is heard all the same', async () => {
    const { stage } = on(await any())
    let asked = 0
    const tab = stage.open({
      getToken: async () => null,
      async refresh() {
        asked++
        throw Object.assign(new Error('name the scope'), { name: 'KeyturnError', code: 'refresh_failed' })
      },
    })
    await expect(stage.through(tab.keyturn.refresh())).rejects.toThrow('name the scope')
    expect([asked, tab.said('name the scope')]).toEqual([1, 1])
  })
})
