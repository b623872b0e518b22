import { describe, expect, test } from 'vitest'
import type { Settings } from '../src/settings'
import { configured, defaults } from '../src/settings'
import { covers } from './covers'

describe('settings', () => {
  test('are as documented when nobody sets them', () => {
    covers('CFG-01', 'CFG-04', 'REF-05')
    expect(defaults).toEqual({
      getToken: null, refresh: null, analytics: null, autoRefreshOnError: true, debug: false, refreshOn403: 'once', refreshDelayMs: 500,
      maxRetries: 3, refreshThreshold: 60_000, cacheTimeout: 300_000, successDismissMs: 3_000, notifyOnSuccess: 'auto',
      defaultReturnPath: '/ui/reports', basePath: '/ui/', provider: '', audience: '',
      signIn: 'off', onBeforeRedirect: null, callbackDelayMs: 0, contact: null, language: '', authWords: null,
    })
  })

  test.each<[keyof Settings, unknown[], unknown[]]>([
    ['autoRefreshOnError', [false, true], [0, 'false', null]],
    ['refreshDelayMs', [0, 1, 60_000], [-1, 60_001, NaN, '500']],
    ['maxRetries', [0, 10], [-1, 11, Infinity, '3']],
    ['refreshThreshold', [0, 3_600_000], [-1, 3_600_001]],
    ['cacheTimeout', [1_000, 86_400_000], [0, 999, 1e12]],
    ['successDismissMs', [500, 60_000], [0, 60_001]],
    ['notifyOnSuccess', ['always', 'never'], ['sometimes', true, '']],
    ['refreshOn403', ['ifStale', 'never'], ['always', '']],
    ['defaultReturnPath', ['/', '/a?b=c#d'], ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)', '']],
    ['basePath', ['/', '/app/', '/a/b/'], ['/app', 'app/', '//evil.example/', '']],
    ['provider', ['corp', ''], [7, null, 'x'.repeat(513)]],
    ['audience', ['api', ''], [{}, null]],
    ['language', ['de', 'ar-EG', ''], [7]],
    ['contact', [{ text: 'Help', url: 'mailto:help@example.com' }, { text: 'Help', url: '' }, { text: '', url: '/help' }, null],
      [{ text: 'Help', url: 'javascript:alert(1)' }, { text: 7, url: '/' }, 'help', { text: '', url: '//evil.example' }, []]],
    ['authWords', [['jwt'], [], null], ['jwt', [7], Array(65).fill('x')]],
    ['signIn', ['silent', 'auto', 'redirect', 'off'], ['on', true, null, '']],
    ['callbackDelayMs', [0, 1_000, 10_000], [-1, 10_001, NaN, '1000']],
    ['onBeforeRedirect', [() => false, async () => {}, null], ['no', false]],
    ['getToken', [() => null, null], ['x', {}]],
    ['refresh', [async () => 'x', null], ['x', 7]],
    ['analytics', [() => {}, null], ['https://evil.example']],
  ])('%s takes what will do, and nothing else', (name, good, bad) => {
    covers('CFG-04', 'API-06')
    for (const value of good) expect(configured(defaults, { [name]: value })[name]).toBe(value)
    const set = configured(defaults, { [name]: good[0] })
    for (const value of bad) expect([value, configured(set, { [name]: value })[name]]).toEqual([value, defaults[name]])
  })

  test.each([
    ['autoRefresh', 'autoRefreshOnError'], ['maxretries', 'maxRetries'], ['refreshDelay', 'refreshDelayMs'], ['notifyOnSucces', 'notifyOnSuccess'],
    ['lang', 'language'], ['words', 'authWords'], ['contacts', 'contact'],
  ])('%s is none: the error names %s', (name, near) => {
    covers('CFG-04', 'API-06')
    expect(() => configured(defaults, { [name]: 1 })).toThrow(`configure: there is no setting ${name}; did you mean ${near}?`)
  })

  test.each(['__proto__', 'constructor', 'toString', ''])('%j is none either', (name) => {
    expect(() => configured(defaults, JSON.parse(`{${JSON.stringify(name)}:1}`) as object)).toThrow('there is no setting')
  })

  test.each(['refreshUrl', 'streamUrl', 'logoutUrl', 'origins', 'ring', 'endpoint'])('%s is fixed, and the error says why', (name) => {
    covers('API-06', 'SEC-05')
    expect(() => configured(defaults, { maxRetries: 5, [name]: 'https://evil.example' })).toThrow(`${name} is fixed once the client runs: it decides where the token goes`)
  })

  test('that the server has locked stay as they are', () => {
    covers('API-06')
    expect(() => configured(defaults, { maxRetries: 5, debug: true }, ['debug'])).toThrow("debug is locked by the server's policy")
    expect(configured(defaults, { maxRetries: 5 }, ['debug']).maxRetries).toBe(5)
  })
})
