import { expect, test } from 'vitest'
import type { Bearing } from '../src/decide'
import { outdated } from '../src/decide'
import type { State } from '../src/frames'

const hour = 3_600_000
const a = { key: 'k-a', kid: 'a' }
const b = { key: 'k-b', kid: 'b' }
const c = { key: 'k-c', kid: 'c' }

const state = (change: Partial<State>): State => ({
  type: 'state', ring: 'payments', rev: 1, ...b, sinceMs: hour, pending: [], retiring: [{ ...a, forMs: hour }],
  refresh: { afterMs: 0, windowMs: 0 }, urgency: 'planned', live: true, ...change,
})
const token = (change: Partial<Bearing>): Bearing => ({ key: null, kid: null, ageMs: 2 * hour, issuedMs: 2 * hour, ...change })

test.each<[string, Partial<State>, Partial<Bearing>, boolean]>([
  // the key that verified the token is told
  ['under the current key: stays', {}, { key: 'k-b' }, false],
  ['under a retiring key: moves', {}, { key: 'k-a' }, true],
  ['under a retiring key, though young (the signer lagged): moves', {}, { key: 'k-a', ageMs: 1, issuedMs: 1 }, true],
  ['under a key that is gone, and old: moves', { retiring: [] }, { key: 'k-a' }, true],
  ['under a key nobody knows, but younger than the current key: the replica lags', {}, { key: 'k-c', ageMs: 1, issuedMs: 1 }, false],
  ['under a key nobody knows, issued before the current key: moves', {}, { key: 'k-c' }, true],
  ['received late, but issued before the current key: moves', {}, { key: 'k-c', ageMs: 1, issuedMs: 2 * hour }, true],
  ['under a pending key: is ahead of the state', { pending: [c] }, { key: 'k-c' }, false],
  ['the told key outweighs a kid that says otherwise', {}, { key: 'k-b', kid: 'a' }, false],
  ['the same kid over another key: moves', { kid: 'a' }, { key: 'k-a', kid: 'a' }, true],
  ['after a rollback, under the key that was current: moves', { ...a, sinceMs: 1000, retiring: [{ ...b, forMs: hour }] }, { key: 'k-b' }, true],
  // only the header's kid is known
  ['with the current kid: stays', {}, { kid: 'b' }, false],
  ['with a retiring kid: moves', {}, { kid: 'a' }, true],
  ['with an unknown kid, old: moves', {}, { kid: 'c' }, true],
  ['with an unknown kid, young: the replica lags', {}, { kid: 'c', issuedMs: 1 }, false],
  ['with a pending kid: stays', { pending: [c] }, { kid: 'c' }, false],
  // nothing tells them apart but age
  ['without a kid, older than the current key: moves', {}, {}, true],
  ['without a kid, younger: stays', {}, { ageMs: hour - 1 }, false],
  ['with a kid that a retiring key shares, older: moves', { kid: 'a' }, { kid: 'a' }, true],
  ['with a kid that a retiring key shares, younger: stays', { kid: 'a' }, { kid: 'a', ageMs: 1 }, false],
  ['with a retiring kid while another retiring key shares the current one: moves', { kid: 'c', retiring: [{ ...a, forMs: 1 }, { ...c, forMs: 1 }] }, { kid: 'a' }, true],
  ['while no key is current: there is nothing to move to', { key: '', kid: '', sinceMs: 0 }, { key: 'k-a' }, false],
  ['while no key is current, by its kid alone: stays', { key: '', kid: '', sinceMs: 0 }, { kid: 'a' }, false],
  // nothing is decided by a state that is not live
  ['by a state that is not live: stays', { live: false }, { key: 'k-a' }, false],
])('a token %s', (_, s, t, moves) => {
  expect(outdated(state(s), token(t), 0)).toBe(moves)
})

test('the age of the current key grows while the frame lies here', () => {
  expect(outdated(state({ sinceMs: 1000 }), token({ ageMs: 5000 }), 3999)).toBe(true)
  expect(outdated(state({ sinceMs: 1000 }), token({ ageMs: 5000 }), 4001)).toBe(false)
})
