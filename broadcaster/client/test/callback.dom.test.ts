import { Window } from 'happy-dom'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { handleCallback } from '../src/callback'
import { createCallbackView } from '../src/callbackview'
import { covers } from './covers'
import { problem } from './server'
import { World } from './world'

const window = new Window({ url: 'https://app.test/ui/callback' })
const document = window.document as unknown as Document
const root = (): ShadowRoot => document.querySelector('keyturn-callback')!.shadowRoot!
const text = (role: string): string => root().querySelector(`[role=${role}]`)!.textContent!

beforeEach(() => {
  vi.useFakeTimers()
  document.body.replaceChildren()
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('the callback page', () => {
  test('says that it is busy, into a region that was there before', () => {
    covers('OAU-10')
    createCallbackView(document).busy()
    expect([text('status'), text('alert')]).toEqual(['', ''])
    vi.advanceTimersByTime(100)
    expect(text('status')).toBe('Signing you in...')
  })

  test('shows a failure as a card with its detail and a way back, instead of being busy', () => {
    covers('OAU-10')
    const view = createCallbackView(document)
    view.busy()
    view.fail('Invalid or expired state', 'https://app.test/auth/login?x=1')
    vi.advanceTimersByTime(1_000)
    expect(text('status')).toBe('')
    const card = root().querySelector('[role=alert] section')!
    expect([card.querySelector('h1')!.textContent, card.querySelector('p')!.textContent]).toEqual(['Authentication Error', 'Invalid or expired state'])
    const link = card.querySelector('a')!
    expect([link.textContent, link.getAttribute('href')]).toEqual(['Return to login', 'https://app.test/auth/login?x=1'])
  })

  test('shows what somebody else wrote as text, and has no style but its own sheet', () => {
    covers('OAU-10')
    createCallbackView(document).fail('<img src=x onerror=alert(1)>', '#')
    expect(root().querySelector('img')).toBeNull()
    expect(root().querySelector('p')!.textContent).toBe('<img src=x onerror=alert(1)>')
    expect([root().querySelectorAll('style,[style]').length, root().adoptedStyleSheets.length]).toEqual([0, 1])
  })

  test('is drawn over the page, or into a place of the app’s', () => {
    const place = document.createElement('main')
    document.body.append(place)
    createCallbackView(document, place)
    createCallbackView(document)
    expect([...document.querySelectorAll('keyturn-callback')].map((host) => [host.parentElement!.tagName, host.hasAttribute('whole')])).toEqual([['MAIN', false], ['BODY', true]])
  })

  test('draws what becomes of a sign-in by itself', async () => {
    covers('OAU-07')
    vi.useRealTimers()
    vi.stubGlobal('document', document)
    const world = new World()
    world.server.callbackScript = () => problem(400, 'code_refused', { detail: 'Token exchange failed: the code was used before' })
    const tab = world.browser().tab('https://app.example.com/ui/callback?code=c&state=s').start({ settings: { signIn: 'auto', provider: 'corp' } })
    const ended = handleCallback(tab.keyturn)
    await world.run(1_000)
    expect([await ended, root().querySelector('p')!.textContent]).toEqual([null, 'Token exchange failed: the code was used before'])
    expect(root().querySelector('a')!.href).toBe('https://app.example.com/auth/login?provider=corp&aud=&redirect_uri=https%3A%2F%2Fapp.example.com%2Fui%2Fcallback')
  })

  test('makes way for an app that routes by itself', async () => {
    vi.useRealTimers()
    vi.stubGlobal('document', document)
    const world = new World()
    const tab = world.browser().tab('https://app.example.com/ui/callback').start({ settings: { signIn: 'auto' } })
    const paths: string[] = []
    const ended = handleCallback(tab.keyturn, { navigate: (path) => paths.push(path) })
    expect(document.querySelector('keyturn-callback')).not.toBeNull()
    await world.run(1_000)
    expect([await ended, paths, document.querySelector('keyturn-callback')]).toEqual(['/ui/reports', ['/ui/reports'], null])
  })
})
