import { describe, expect, test } from 'vitest'
import type { Episode } from '../src/episodes'
import type { Happening, State, View } from '../src/notice/machine'
import { initial, next, view } from '../src/notice/machine'
import { diagnostics } from '../src/notice/diagnostics'
import { platformOf } from '../src/notice/panel'
import { wording } from '../src/notice/texts'
import { covers } from './covers'

const told = (id: number, phase: Episode['phase'], more: Partial<Episode> = {}): Happening => ({
  what: 'episode', notify: 'auto',
  episode: { id, phase, noticeable: true, failures: +(phase === 'failed'), outdated: false, code: '', message: '', ...more },
})
const quiet = (h: Happening, notify: 'auto' | 'always' | 'never'): Happening => ({ ...h, notify }) as Happening
const click = (what: 'dismiss' | 'toggle' | 'unsaved' | 'refreshed' | 'over' | 'elsewhere'): Happening => ({ what })
const pressed: Happening = { what: 'busy', busy: 'refresh' }
const refused: Happening = { what: 'failed', error: 'the server answered 500' }

const play = (happenings: readonly Happening[]): State => happenings.reduce(next, initial)

describe('what happens decides what is seen', () => {
  for (const [name, id, happenings, seen] of [
    ['nothing', 'EXP-1', [], 'hidden'],
    ['trouble that goes on is nothing yet', 'NOT-16', [told(1, 'open')], 'hidden'],
    ['a recovery nobody noticed is nothing', 'NOT-16', [told(1, 'open'), told(1, 'recovered', { noticeable: false })], 'hidden'],
    ['a noticed recovery is a success', 'EXP-2', [told(1, 'open'), told(1, 'recovered')], 'success'],
    ['an unnoticed recovery is told where all are wanted', 'NOT-16', [quiet(told(1, 'recovered', { noticeable: false }), 'always')], 'success'],
    ['a noticed recovery is not told where none are wanted', 'NOT-16', [quiet(told(1, 'recovered'), 'never')], 'hidden'],
    ['a failure is a warning', 'EXP-4', [told(1, 'open'), told(1, 'failed')], 'warning'],
    ['a click is at work', 'NOT-07', [told(1, 'failed'), pressed], 'refreshing'],
    ['a click that worked is a success', 'EXP-3', [told(1, 'failed'), pressed, click('refreshed')], 'success'],
    ['a success that was shown for long enough goes', 'NOT-09', [told(1, 'recovered'), click('over')], 'hidden'],
    ['a warning does not go by itself', 'NOT-09', [told(1, 'failed'), click('over')], 'warning'],
    ['a click that failed says so', 'NOT-10', [told(1, 'failed'), pressed, refused], 'failed'],
    ['a click waits for its own outcome', 'NOT-07', [told(1, 'failed'), pressed, told(1, 'recovered')], 'refreshing'],
    ['a failed click can be tried again', 'NOT-10', [told(1, 'failed'), pressed, refused, pressed], 'refreshing'],
    ['two failures ask for a hard refresh', 'NOT-15 EXP-5', [told(1, 'failed'), told(2, 'failed', { failures: 2 })], 'hard'],
    ['an outdated page asks for one at once', 'NOT-15 EXP-5', [told(1, 'failed', { outdated: true })], 'hard'],
    ['a click whose failure is the second asks for one when it ends', 'NOT-15', [told(1, 'failed'), pressed, told(2, 'failed', { failures: 2 }), { what: 'failed', error: '' }], 'hard'],
    ['what was dismissed is gone', 'NOT-13', [told(1, 'failed'), click('dismiss')], 'hidden'],
    ['what was dismissed stays gone', 'NOT-14', [told(1, 'failed'), click('dismiss'), told(1, 'failed', { failures: 2 })], 'hidden'],
    ['a new failure comes back', 'NOT-14', [told(1, 'failed'), click('dismiss'), told(2, 'failed')], 'warning'],
    ['a dismissal takes the error of a click along', 'NOT-14', [told(1, 'failed'), pressed, refused, click('dismiss'), told(2, 'failed')], 'warning'],
    ['a failure that began before a dismissal here is a new one', 'NOT-14', [told(1, 'failed'), told(2, 'open'), click('dismiss'), told(2, 'failed')], 'warning'],
    ['a failure that began before a dismissal elsewhere is the same', 'NOT-14', [told(1, 'open'), click('elsewhere'), told(1, 'failed')], 'hidden'],
    ['a dismissal elsewhere holds here', 'NOT-14', [told(1, 'failed'), click('elsewhere')], 'hidden'],
    ['a denial here is not dismissed elsewhere', 'NOT-22', [told(1, 'denied'), click('elsewhere')], 'denied'],
    ['a denial is said', 'NOT-22', [told(1, 'open'), told(1, 'denied')], 'denied'],
    ['a denial stays to be read', 'NOT-22', [told(1, 'denied'), told(2, 'open'), told(2, 'recovered')], 'denied'],
    ['ten failures are one panel', 'NOT-18', Array.from({ length: 10 }, () => told(1, 'failed')), 'warning'],
    ['a warning ends as the recovery it waited for', 'NOT-16', [told(1, 'failed'), told(1, 'recovered', { noticeable: false })], 'success'],
    ['who has signed out has no trouble', 'NOT-18', [told(1, 'failed'), told(1, 'over')], 'hidden'],
  ] as [string, string, Happening[], View][]) {
    test(name, () => {
      covers(...id.split(' '))
      expect(view(play(happenings))).toBe(seen)
    })
  }

  test('a success forgets what the trouble had said', () => {
    covers('NOT-18')
    const after = play([told(1, 'failed', { failures: 2 }), click('toggle'), pressed, refused, pressed, click('refreshed'), click('over'), told(2, 'failed')])
    expect(after).toMatchObject({ panel: 'warning', hard: false, error: '', expanded: false })
  })

  test('a hard refresh is asked about once, and anything else takes the question back', () => {
    covers('NOT-21')
    expect(play([told(1, 'failed'), click('unsaved')]).unsaved).toBe(true)
    for (const other of [pressed, refused, click('dismiss')]) expect(play([told(1, 'failed'), click('unsaved'), other]).unsaved).toBe(false)
  })

  test('More Information opens and closes, and survives a failure', () => {
    covers('NOT-04')
    expect(play([told(1, 'failed'), click('toggle'), pressed, refused]).expanded).toBe(true)
    expect(play([told(1, 'failed'), click('toggle'), click('toggle')]).expanded).toBe(false)
  })
})

test('a provider that wants to see the user is told in words of its own', () => {
  covers('SIL-06')
  const wants = told(1, 'failed', { code: 'unauthorized', message: 'Your authentication session has expired. Please log in again.' })
  expect(play([wants])).toMatchObject({ panel: 'warning', error: 'Your authentication session has expired. Please log in again.' })
  expect(play([wants, pressed])).toMatchObject({ error: '', busy: 'refresh' })
  expect(play([told(1, 'failed', { code: 'refresh_failed', message: 'x' })]).error).toBe('')
})

describe('texts', () => {
  test('English is as agreed', () => {
    covers('NOT-01', 'NOT-02', 'NOT-08')
    const { texts, lang, dir } = wording('en-GB')
    expect(texts).toMatchObject({
      title: '⚠️ Authentication Token Issue Detected', body: 'Your authentication token may be using an outdated JWT secret.',
      refresh: 'Refresh Token', hard: 'Hard Refresh Page', dismiss: 'Dismiss', more: 'More Information', refreshing: 'Refreshing...',
      done: '✅ Token Refreshed Successfully', failed: 'Refresh Failed', missing: 'Auth manager not available', denied: 'Access Denied',
    })
    expect([lang, dir]).toEqual(['en-GB', 'ltr'])
  })

  test('each language says everything, and names three platforms', () => {
    covers('NOT-06')
    const english = wording('en').texts
    for (const language of ['en', 'de', 'ar']) {
      const { texts } = wording(language)
      for (const [name, text] of Object.entries(texts)) {
        expect(text, `${language}.${name}`).toBeTruthy()
        if (language !== 'en' && name !== 'keys') expect(text, `${language}.${name}`).not.toBe(english[name as keyof typeof english])
        expect(text.split('|').length, `${language}.${name}`).toBe(english[name as keyof typeof english].split('|').length)
      }
      expect(texts.keys.split('|').map((line) => line.split(': ')[0])).toEqual(['Windows/Linux', 'Mac', 'Safari'])
    }
  })

  test('what is not known is English, and says that it is; own texts make a language', () => {
    expect(wording('fr')).toMatchObject({ lang: 'en', dir: 'ltr', texts: { refresh: 'Refresh Token' } })
    expect(wording('fr', { title: 'Problème de jeton' })).toMatchObject({ lang: 'fr', texts: { title: 'Problème de jeton', refresh: 'Refresh Token' } })
    expect(wording('he', { title: 'בעיה' })).toMatchObject({ lang: 'he', dir: 'rtl' })
    expect(wording('ar-EG')).toMatchObject({ lang: 'ar-EG', dir: 'rtl', texts: { refresh: 'تحديث الرمز' } })
    expect(wording('constructor')).toMatchObject({ lang: 'en' })
  })

  for (const [who, platform, userAgent, index] of [
    ['Windows', 'Win32', 'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36', 0],
    ['Linux', 'Linux x86_64', 'Mozilla/5.0 (X11; Linux x86_64) Gecko Firefox/140.0', 0],
    ['Chrome on a Mac', 'MacIntel', 'Mozilla/5.0 (Macintosh) AppleWebKit/537.36 Chrome/140.0 Safari/537.36', 1],
    ['Firefox on a Mac', 'MacIntel', 'Mozilla/5.0 (Macintosh) Gecko Firefox/140.0', 1],
    ['Safari', 'MacIntel', 'Mozilla/5.0 (Macintosh) AppleWebKit/605.1 Version/26.0 Safari/605.1', 2],
  ] as const) {
    test(`${who} has its own keys`, () => {
      covers('NOT-06')
      expect(platformOf({ platform, userAgent })).toBe(index)
    })
  }
})

test('diagnostics hold what support needs, and nothing that looks like a token or a secret', () => {
  covers('DOC-05')
  const page = { defaultView: { navigator: { userAgent: 'Mozilla/5.0', language: 'de', onLine: true } } } as unknown as Document
  const text = diagnostics({
    version: '0.1.0', kid: 'sm-0123456789abcdef', stats: { validationFailureCount: 1 },
    a: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln', b: 'Bearer eyJhbGciOiJub25lIn0.', c: 'x'.repeat(43),
  }, page)
  expect(JSON.parse(text)).toMatchObject({ version: '0.1.0', kid: 'sm-0123456789abcdef', stats: { validationFailureCount: 1 }, userAgent: 'Mozilla/5.0', a: '…', c: '…' })
  expect(text).not.toMatch(/eyJ|x{40}/)
})
