import { describe, expect, test } from 'vitest'
import { goodPlace } from '../src/returnpath'
import { covers } from './covers'

const origin = 'https://app.example.com'
const routes = [`${origin}/ui/callback`, `${origin}/auth/login?provider=corp`]

describe('a kept place', () => {
  test.each([
    '/', '/ui/reports', '/ui/reports?thread_id=test123&page=2&filter=active#row-7', '/ui/reports?a=1&a=2&a=', '/ui/reports?q=%C3%A4%20%2F%3F%23%25',
    '/ui/r%C3%A9sum%C3%A9s/%E2%9C%93?q=%F0%9F%92%A1#%F0%9F%92%A1', '/ui/reports?next=https%3A%2F%2Fother.example%2F', '/ui/reports?next=https://other.example/',
    `/ui/reports?long=${'x'.repeat(20_000)}`, '/ui/reports#/inner?x=1', '/a//b', '/ui/callbacks', '/ui/callback/inner', '/ui/reports?at=/ui/callback', '/100%', '/übersicht',
  ])('%s is gone to letter by letter', (place) => {
    covers('CTX-02', 'EDGE-05')
    expect(goodPlace(place, origin, routes)).toBe(place)
  })

  test.each([
    ['nothing', ''], ['a script', 'javascript:alert(1)'], ['data', 'data:text/html,<script>'], ['another origin', 'https://evil.example/'],
    ['this origin written out', `${origin}/ui/reports`], ['a host', '//evil.example/'], ['a host by backslash', '/\\evil.example'], ['a backslash further on', '/ui\\..\\x'],
    ['a host behind a tab', '/\t/evil.example'], ['a host behind a line break', '/\n/evil.example'], ['a host behind a return', '/\r/evil.example'], ['a null', '/\0/evil.example'],
    ['a host once dots are gone', '/.//evil.example'], ['a host once a folder is gone', '/x/..//evil.example'], ['a space first', ' /ui/reports'], ['a relative path', 'ui/reports'],
    ['a query alone', '?x=1'], ['a hash alone', '#x'], ['a scheme without slashes', 'https:evil.example'], ['a control character of the upper range', '/\u0085/x'],
    ['the callback', '/ui/callback'], ['the callback with parameters', '/ui/callback?refresh=true#x'], ['the callback with a slash', '/ui/callback/'], ['the callback in capitals', '/UI/Callback'],
    ['the callback with escapes', '/ui/%63allback'], ['the callback by a detour', '/ui/x/../callback'], ['the login', '/auth/login'], ['the login with parameters', '/auth/login?provider=x'],
  ])('that is %s is not', (_, place) => {
    covers('CTX-08')
    expect(goodPlace(place, origin, routes)).toBeNull()
  })
})
