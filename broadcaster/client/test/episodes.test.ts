import { describe, expect, test } from 'vitest'
import type { Episode, Happening, Story, Trouble } from '../src/episodes'
import { told, untold } from '../src/episodes'
import { plain } from '../src/plain'
import { covers } from './covers'

type Refresh = Extract<Happening, { what: 'refresh' }>

const refused: Trouble = { what: 'refused', status: 401, code: 'kid_unknown', message: 'no such key' }
const late: Trouble = { ...refused, late: true }
const recovered: Trouble = { what: 'recovered' }
const denied: Trouble = { what: 'denied', message: 'needs admin' }
const blocked = (layer: Extract<Trouble, { what: 'blocked' }>['layer'], status = 401): Trouble =>
  ({ what: 'blocked', layer, status, code: 'c', message: `blocked by ${layer}` })
const refresh = (phase: Refresh['phase'], trigger: Refresh['trigger'] = '401', more: Partial<Refresh> = {}): Happening =>
  ({ what: 'refresh', phase, trigger, sound: phase === 'done' || phase === 'skipped', ...more })
const failed = (trigger: Refresh['trigger'] = '401', sound = false): Happening =>
  refresh('failed', trigger, { sound, code: 'refresh_failed', message: 'the endpoint answered 500' })
const done = refresh('done')

/** Tells a story; heard is what listeners were given. */
function tell(...happenings: Happening[]): { story: Story; heard: Episode[] } {
  let story = untold
  const heard: Episode[] = []
  for (const happening of happenings) {
    const before = story.episode
    story = told(story, happening)
    if (story.episode !== before) heard.push(story.episode)
  }
  return { story, heard }
}

/** `1 open`, with `!` when a user could have noticed. */
const line = ({ id, phase, noticeable }: Episode): string => `${id} ${phase}${noticeable ? '!' : ''}`

describe('episodes', () => {
  test.each<[string, string[], Happening[], string[]]>([
    ['recovered at the first try is told, and nothing of it is noticeable', ['NOT-16', 'EXP-2'], [refused, refresh('started'), done, recovered], ['1 open', '1 recovered']],
    ['recovered after the caller had to wait for a second attempt could be noticed', ['NOT-16', 'EXP-3'],
      [refused, refresh('started'), refresh('waiting'), done, recovered], ['1 open', '1 open!', '1 recovered!']],
    ['not recovered', ['NOT-16', 'REF-11', 'EXP-4'], [refused, failed()], ['1 open', '1 failed!']],
    ['not recovered, then by hand', ['NOT-18', 'EXP-3'], [refused, failed(), refresh('done', 'manual')], ['1 open', '1 failed!', '1 recovered!']],
    ['ten requests refused at once are one story', ['C-07', 'NOT-18'], [...Array<Happening>(10).fill(refused), done, ...Array<Happening>(10).fill(recovered)],
      ['1 open', '1 recovered']],
    ['a request refused under the token of before belongs to the story that is over', ['STAT-01'], [refused, done, recovered, late, recovered], ['1 open', '1 recovered']],
    ['refused anew with the new token is another one', ['STAT-01', 'NOT-14'], [refused, done, recovered, refused], ['1 open', '1 recovered', '2 open']],
    ['refused again before anybody said that the first was well', ['STAT-01'], [refused, done, refused], ['1 open', '2 open']],
    ['a plan that fails under a token that is still good is nobody\'s to see', ['NOT-16', 'EXP-1'], [failed('event', true), failed('event', true)], ['1 open', '1 open']],
    ['and is over without a word once it succeeds', ['NOT-16'], [failed('event', true), refresh('done', 'event')], ['1 open', '1 recovered']],
    ['a plan that fails when the token is over is', ['REF-11'], [failed('expiry')], ['1 failed!']],
    ['a wish that fails always is', ['REF-11', 'NOT-10'], [failed('manual', true)], ['1 failed!']],
    ['a plan that fails again and again is one story', ['NOT-14'], [failed('expiry'), failed('expiry'), failed('expiry')], ['1 failed!', '1 failed!', '1 failed!']],
    ['another request that could not be helped is a new failure', ['NOT-14', 'REF-10'], [refused, failed(), refused, failed()], ['1 open', '1 failed!', '2 failed!']],
    ['a guard that stands before the refresh keeps it the same failure', ['NOT-14', 'LOOP-07'], [refused, failed(), refused, blocked('budget')], ['1 open', '1 failed!', '1 failed!']],
    ['the budget is spent', ['LOOP-07'], [refused, blocked('budget')], ['1 open', '1 failed!']],
    ['the breaker is open', ['LOOP-07'], [refused, refresh('blocked', '401', { code: 'breaker_open', message: 'x' }), blocked('breaker')], ['1 open', '1 failed!', '1 failed!']],
    ['automatic refresh is off: errors are shown', ['CFG-02'], [refused, blocked('off')], ['1 open', '1 failed!']],
    ['refused after its replay', ['LOOP-01'], [refused, done, blocked('attempted')], ['1 open', '1 failed!']],
    ['a stream that could not be sent again', ['RET-05'], [refused, blocked('stream')], ['1 open', '1 failed!']],
    ['who joins a refresh under way is not held back', ['LOOP-06'], [refused, blocked('inflight', 403), done, recovered], ['1 open', '1 recovered']],
    ['a 403 that stays after its refresh', ['NOT-22', 'LOOP-08', 'ACC-6'], [refused, done, blocked('attempted', 403), denied], ['1 open', '1 denied!']],
    ['the same denial again is an old one', ['NOT-14', 'LOOP-08'], [denied, refused, done, denied], ['1 denied!', '2 open', '2 denied!']],
    ['the same denial, not even tried', ['NOT-14'], [denied, blocked('claims', 403), denied], ['1 denied!']],
    ['the same denial of a request that was refused anew', ['NOT-14', 'LOOP-08'],
      [denied, { what: 'refused', status: 403, code: 'role_missing', message: 'needs admin' }, blocked('claims', 403), denied], ['1 denied!']],
    ['a new token that still has the old key mends nothing', ['EDGE-16'], [failed('event'), refresh('done', 'event', { sound: false })], ['1 failed!']],
    ['another denial is a new one', ['NOT-22'], [denied, { what: 'denied', message: 'needs owner' }], ['1 denied!', '2 denied!']],
    ['the session has ended', ['OAU-18'], [refused, refresh('ended', '401', { code: 'session_ended', message: 'sign in again' })], ['1 open', '1 failed!']],
    ['the user has gone: over, without an outcome', ['SEC-07'], [refused, failed(), { what: 'left' }, { what: 'left' }], ['1 open', '1 failed!', '1 over!']],
    ['nobody is in trouble: nothing to end', ['SEC-07'], [{ what: 'left' }, done, recovered], []],
    ['the script is too old, says a frame', ['NOT-15', 'EXP-5'], [{ what: 'outdated', code: 'client_outdated', message: '' }], ['1 failed!']],
    ['another frame of the kind is not of this', ['NOT-15'], [{ what: 'outdated', code: 'key_retired', message: '' }], []],
    ['reported in the midst of the socket\'s own refresh that a guard refused', ['LOOP-07'], [refresh('blocked', 'socket', { code: 'budget_spent' })], []],
  ])('%s', (_, ids, happenings, expected) => {
    covers(...ids.filter((id) => !id.startsWith('C-')))
    expect(tell(...happenings).heard.map(line)).toEqual(expected)
  })

  test('two failed refreshes in a row propose a hard refresh, over episodes; a success begins anew', () => {
    covers('NOT-15', 'EXP-5')
    const failures = (...h: Happening[]): number[] => tell(...h).heard.map((e) => e.failures)
    expect(failures(refused, failed(), refused, failed())).toEqual([0, 1, 2])
    expect(failures(refused, failed(), refresh('done', 'manual'), refused, failed())).toEqual([0, 1, 0, 0, 1])
  })

  test.each([
    ['a refused request', { ...refused, code: 'client_outdated' }],
    ['a failed refresh', refresh('failed', '401', { code: 'client_outdated', message: 'too old' })],
    ['a frame', { what: 'outdated', code: 'client_outdated', message: '' }],
  ] as [string, Happening][])('the server says by %s that the script is too old', (_, happening) => {
    covers('NOT-15')
    expect(tell(happening).story.episode).toMatchObject({ phase: 'failed', outdated: true, code: 'client_outdated' })
  })

  test('are counted by the story, not by the request; a wish that succeeds and a reset begin at 0', () => {
    covers('STAT-01', 'STAT-06', 'NOT-18')
    const count = (...h: Happening[]): number => tell(...h).story.count
    expect(count()).toBe(0)
    expect(count(refused, refused, done, recovered, late)).toBe(1)
    expect(count(refused, done, recovered, refused)).toBe(2)
    expect(count(refused, failed(), refresh('done', 'manual'))).toBe(0)
    expect(count(refused, { what: 'reset' })).toBe(0)
  })

  test('carry plain text without a token, of bounded length', () => {
    covers('NOT-20', 'LOG-22')
    const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl'
    const { message } = tell({ ...refused, message: `bad ${token} <img onerror=x>${'y'.repeat(999)}` }).story.episode
    expect(message).toMatch(/^bad … <img onerror=x>y+$/)
    expect(message).toHaveLength(300)
    expect(plain(null)).toBe('')
  })

  test('that change nothing for a listener are the very same object', () => {
    const { story } = tell(refused, done)
    expect(told(story, late).episode).toBe(story.episode)
    expect(told(story, done).episode).toBe(story.episode)
  })
})
