import { expect, test } from 'vitest'
import type { Refused } from '../src/verdict'
import { Act, judge } from '../src/verdict'

const refused = (change: Partial<Refused>): Refused => ({
  status: 401, code: '', error: '', retryAfterMs: null, worded: false, off: false, attempted: false, replayable: true, mayWait: true, newer: false,
  otherClaims: false, stale: false, spent: false, inFlight: false, on403: 'once', ...change,
})
const scope = { status: 403, error: 'insufficient_scope' }

test.each<[string, Partial<Refused>, Act, string?]>([
  ['a 401 refreshes', {}, Act.refresh],
  ['a 401 under an older token is replayed without a refresh', { newer: true }, Act.replay],
  ['a 401 after the replay is the answer', { attempted: true }, Act.give, 'Already attempted'],
  ['a 401 of a streamed body is the answer', { replayable: false }, Act.give, 'streamed'],
  ['an unknown kid to wait for is sent again', { code: 'kid_unknown', retryAfterMs: 1 }, Act.again],
  ['an unknown kid is waited for after a refresh too', { code: 'kid_unknown', retryAfterMs: 1, attempted: true }, Act.again],
  ['an unknown kid is waited for three times at most, and not refreshed for then', { code: 'kid_unknown', retryAfterMs: 1, mayWait: false }, Act.give],
  ['an unknown kid without a time to wait refreshes', { code: 'kid_unknown' }, Act.refresh],
  ['an unknown kid of a streamed body is the answer', { code: 'kid_unknown', retryAfterMs: 1, replayable: false }, Act.give, 'streamed'],
  ['another code with a time to wait refreshes', { code: 'token_expired', retryAfterMs: 1 }, Act.refresh],
  ['a 403 for a missing scope refreshes for the claims', scope, Act.refreshClaims, 'First 403'],
  ['a 403 without any hint does too', { status: 403 }, Act.refreshClaims, 'First 403'],
  ['a 403 that speaks of the token is as a 401', { status: 403, error: 'invalid_token' }, Act.refresh],
  ['a 403 that speaks of the key is as a 401', { status: 403, code: 'key_retired' }, Act.refresh],
  ['a 403 of a retired key under an older token is replayed', { status: 403, code: 'key_revoked', newer: true }, Act.replay],
  ['a 403 again under the same claims is the answer', { ...scope, spent: true }, Act.give, 'user lacks permission'],
  ['a 403 while one is being refreshed joins it', { ...scope, inFlight: true, spent: true }, Act.join, 'already in progress'],
  ['a 403 after the replay is the answer', { ...scope, attempted: true }, Act.give, 'Already attempted'],
  ['a 403 under an older token with other claims is replayed', { ...scope, newer: true, otherClaims: true }, Act.replay],
  ['a 403 under an older token with the same claims is not', { ...scope, newer: true, spent: true }, Act.give, 'user lacks permission'],
  ['a 403 never refreshes when that is set', { ...scope, on403: 'never' }, Act.give],
  ['a 403 whose words speak of the token is as a 401', { status: 403, worded: true, on403: 'never' }, Act.refresh],
  ['words are believed once for the same claims', { status: 403, worded: true, spent: true }, Act.give, 'user lacks permission'],
  ['nothing is refreshed while that is off', { off: true }, Act.give, 'is off'],
  ['nor for a 403', { ...scope, off: true }, Act.give, 'is off'],
  ['what a newer token may mend is sent again all the same', { off: true, newer: true }, Act.replay],
  ['a 403 refreshes under a stale key only when that is set', { ...scope, on403: 'ifStale' }, Act.give],
  ['a 403 does refresh under a stale key then', { ...scope, on403: 'ifStale', stale: true }, Act.refreshClaims, 'First 403'],
])('%s', (_, change, act, line) => {
  const [got, layer, said = ''] = judge(refused(change))
  expect(got).toBe(act)
  expect(said).toContain(line ?? '')
  if (!line) expect([layer ?? null, said]).toEqual([null, ''])
})
