import { afterEach, describe, expect, test } from 'vitest'
import { readToken } from '../../src/jwt'
import { covers } from '../covers'
import { makeToken } from '../server'
import { canary } from './stage'
import type { Stand } from './stands'
import { stands } from './stands'

let stand: Stand
afterEach(() => stand.stage.close())

/** What somebody throws; throws itself if nobody does. */
const thrown = (going: Promise<unknown>): Promise<Error & { code?: string }> =>
  going.then(() => { throw new Error('nothing was thrown') }, (error: Error) => error)
const sub = (token?: string | null): string | null => readToken(token)?.sub ?? null

describe.each(Object.entries(stands))('%s', (name, build) => {
  test('a turned key: calls that are refused at once make one refresh at the provider, and the new token is in use', async () => {
    covers('API-15')
    stand = await build()
    const { stage } = stand
    const { world } = stage
    await stand.signIn('alice')
    const tab = stage.open(stand.adapter())
    expect((await stage.through(tab.api('/before'))).status).toBe(200)
    world.server.turn({ key: 'k2', kid: '2026-11-b' }, { keep: false })
    const answers = await stage.through(Promise.all([tab.api('/a'), tab.api('/b'), tab.api('/c')]))
    expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual(Array(3).fill({ ok: true, key: 'k2' }))
    expect(stage.refreshes).toBe(1)
    expect(tab.keyturn.status().token?.kid).toBe('2026-11-b')
    expect((await stage.through(tab.api('/after'))).status).toBe(200)
    expect([stage.refreshes, world.server.seen.at(-1)?.sub]).toEqual([1, 'alice'])
    expect(await stand.adapter().getToken()).toBe(await stage.through(tab.keyturn.getToken()))
  })

  test('refreshes at the same time are one, and say how long the token lives', async () => {
    stand = await build()
    await stand.signIn('alice')
    const { getToken, refresh } = stand.adapter()
    const before = await getToken()
    const got = await Promise.all([refresh(), refresh(), refresh()])
    expect(stand.stage.refreshes).toBe(1)
    expect(new Set(got.map((one) => one?.token)).size).toBe(1)
    expect(got[0]?.token).not.toBe(before)
    expect(sub(got[0]?.token)).toBe('alice')
    const { expires_in: told } = stand.stage.recorded.granted as { expires_in: number }
    expect(got[0]?.expiresIn).toBeGreaterThan(name === 'keycloak-js' ? 890 : told - 2)
    expect(await getToken()).toBe(got[0]?.token)
    expect((await refresh())?.token).not.toBe(got[0]?.token)
    expect(stand.stage.refreshes).toBe(2)
  })

  test('nobody is signed in: null, and the provider is not asked', async () => {
    stand = await build()
    const { getToken, refresh } = stand.adapter()
    expect([await getToken(), await refresh(), stand.stage.asked.length]).toEqual([null, null, 0])
  })

  test('a refresh that the provider refuses ends the sign-in, here too, until somebody signs in', async () => {
    stand = await build()
    await stand.signIn('alice')
    const { getToken, refresh } = stand.adapter()
    expect(sub(await getToken())).toBe('alice')
    stand.stage.mood = 'refuses'
    expect(await refresh()).toBe(null)
    expect(await getToken()).toBe(null)
    stand.stage.mood = 'grants'
    if (name === 'keycloak-js') return // a sign-in makes a new client there
    await stand.signIn('alice')
    expect(sub(await getToken())).toBe('alice')
  })

  test('the page is told: its user is signed out, and the call is answered as it was refused', async () => {
    stand = await build()
    const { stage } = stand
    await stand.signIn('alice')
    const tab = stage.open(stand.adapter())
    await stage.through(tab.api('/before'))
    const left: unknown[] = []
    tab.keyturn.on('sessionended', (event) => left.push(event))
    stage.world.server.turn({ key: 'k2', kid: '2026-11-b' }, { keep: false })
    stage.mood = 'refuses'
    expect((await stage.through(tab.api('/a'))).status).toBe(401)
    expect(left).toEqual([{ code: 'session_missing' }])
    expect(await stage.through(tab.keyturn.getToken())).toBe(null)
  })

  test('a provider that cannot be reached is an error without a secret; the user stays', async () => {
    stand = await build()
    await stand.signIn('alice')
    const { getToken, refresh } = stand.adapter()
    const before = await getToken()
    stand.stage.mood = 'is down'
    const error = await thrown(refresh())
    expect(error.message).toMatch(new RegExp(`^${name}: no new token \\(.+\\), the provider could not be asked$`))
    expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain(canary)
    expect(await getToken()).toBe(before)
    stand.stage.mood = 'grants'
    expect(sub((await refresh())?.token)).toBe('alice')
  })

  test('another account is never handed out in the name of the first', async () => {
    stand = await build()
    await stand.signIn('alice')
    const { getToken, refresh } = stand.adapter()
    expect(sub(await getToken())).toBe('alice')
    if (name === 'keycloak-js') (stand.stage.sub = 'mallory', await (stand.client as { updateToken(s: number): Promise<unknown> }).updateToken(-1))
    else await stand.signIn('mallory')
    expect([await getToken(), await refresh()]).toEqual([null, null])
    expect(sub(await stand.adapter().getToken()), 'an adapter that the app made after the sign-in').toBe('mallory')
  })

  // A function of an app is known by its tokens alone.
  if (name !== 'getToken') test('accounts are told apart even where their tokens name no subject', async () => {
    stand = await build()
    const { stage } = stand
    let serial = 0
    stage.world.server.token = () => makeToken({ kid: 'a' }, { iat: Math.floor(Date.now() / 1000), jti: `${++serial}` })
    await stand.signIn('alice')
    const { getToken, refresh } = stand.adapter()
    expect(await getToken()).toBeTruthy()
    if (name === 'keycloak-js') Object.assign(stand.client as object, { subject: 'mallory' })
    else await stand.signIn('mallory')
    expect([await getToken(), await refresh()]).toEqual([null, null])
  })

  test('a refresh that brings another account is thrown away', async () => {
    stand = await build()
    await stand.signIn('alice')
    const { getToken, refresh } = stand.adapter()
    await getToken()
    stand.stage.sub = 'mallory'
    expect(await refresh()).toBe(null)
    expect(await getToken()).toBe(null)
  })

  // The Auth0 client has no word of a logout; the usual one leaves the page.
  if (name !== 'auth0-spa-js') test('who signs out while the provider answers stays signed out', async () => {
    stand = await build()
    await stand.signIn('alice')
    const { getToken, refresh } = stand.adapter()
    await getToken()
    let go!: () => void
    stand.stage.gate = new Promise((resolve) => { go = resolve })
    const going = refresh()
    while (stand.stage.refreshes === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    await stand.signOut()
    go()
    expect(await going).toBe(null)
  })

  test('what is set up wrongly is said at once, and asked for once', async () => {
    stand = await build()
    const { stage } = stand
    await stand.signIn('alice')
    const tab = stage.open(stand.adapter())
    await stage.through(tab.api('/before'))
    stage.mood = 'is misused'
    const error = await thrown(stage.through(tab.keyturn.refresh()))
    expect(error).toMatchObject({ name: 'KeyturnError', code: 'refresh_failed' })
    expect(error.message).toMatch(new RegExp(`^${name}: the provider refuses to refresh \\(.+\\): compare the client's registration`))
    expect(stage.refreshes).toBe(1)
    expect(tab.lines.join('\n')).toContain(error.message)
    expect(tab.lines.join('\n')).not.toContain(canary)
  })

  test('a token that comes again is no refresh: an error says what to change', async () => {
    stand = await build()
    stand.stage.mood = 'caches'
    await stand.signIn('alice')
    const { getToken, refresh } = stand.adapter()
    await getToken()
    const error = await thrown(refresh())
    expect(error).toMatchObject({ name: 'KeyturnError', code: 'refresh_failed' })
    expect(error.message).toContain('the token is the same as before')
  })

  // A Keycloak server signs each access token.
  if (name !== 'keycloak-js') test('an access token that is no JWT: an error says what to ask for', async () => {
    stand = await build()
    await stand.signIn('alice')
    const { refresh } = stand.adapter()
    stand.stage.world.server.token = () => 'opaque'
    expect((await thrown(refresh())).message).toContain('the access token is no JWT')
  })
})
