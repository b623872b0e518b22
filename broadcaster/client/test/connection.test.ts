import { describe, expect, test } from 'vitest'
import type { Effect, Event, Model } from '../src/connection'
import { Do, On, Timer, Wait, initial, stateOf, step } from '../src/connection'
import type { ServerFrame, State } from '../src/frames'
import { World } from './world'

const welcome: ServerFrame = { type: 'welcome', key: 'k', kid: 'k', stale: false, ttlMs: 1, beaconMs: 20_000, nowMs: 1 }
const state: State = {
  type: 'state', ring: 'r', rev: 1, key: 'k', kid: 'k', sinceMs: 0, pending: [], retiring: [], urgency: 'planned', live: true,
  refresh: { afterMs: 0, windowMs: 0 },
}

/** Runs events through the machine; remembers all effects, and what each timer was last set to. */
class Machine {
  model: Model = initial
  effects: Effect[] = []
  readonly timers: Partial<Record<Timer, number>> = {}
  roll = 0.5

  feed(...events: Event[]): this {
    for (const event of events) {
      const [model, effects] = step(this.model, event, this.roll)
      this.model = model
      this.effects = [...effects]
      for (const [act, id, ms] of effects) {
        if (act !== Do.timer) continue
        if (ms === null || ms === undefined) delete this.timers[id as Timer]
        else this.timers[id as Timer] = ms
      }
    }
    return this
  }

  get state(): string {
    return stateOf(this.model)
  }

  did(act: Do): number[] {
    return this.effects.filter((e) => e[0] === act).map((e) => e[1])
  }
}

const open = (): Machine => new Machine().feed([On.wanted], [On.opened, 1, true], [On.frame, 1, welcome])

describe('the connection', () => {
  test('goes from idle over connecting and authing to open', () => {
    const m = new Machine()
    expect(m.state).toBe('idle')
    m.feed([On.wanted])
    expect([m.state, m.did(Do.open), m.timers[Timer.connect]]).toEqual(['connecting', [1], 15_000])
    m.feed([On.opened, 1, true])
    expect([m.state, m.timers[Timer.connect]]).toEqual(['authing', 10_000])
    m.feed([On.frame, 1, welcome])
    expect([m.state, m.timers[Timer.connect], m.timers[Timer.watchdog], m.timers[Timer.stable]]).toEqual(['open', undefined, 30_000, 30_000])
  })

  test('is not wanted without a token, and ends when that goes', () => {
    const m = new Machine().feed([On.online], [On.visible], [On.wake], [On.token])
    expect(m.state).toBe('idle')
    const n = open().feed([On.unwanted])
    expect([n.state, n.did(Do.close), n.timers]).toEqual(['idle', [1], {}])
  })

  test('of a public ring is open without a token, and presents one in place when it comes', () => {
    const m = new Machine().feed([On.wanted], [On.opened, 1, false])
    expect([m.state, m.timers[Timer.watchdog]]).toEqual(['open', 35_000])
    expect(m.feed([On.token]).did(Do.auth)).toEqual([1])
  })

  test('of a public ring, where a token is presented and nobody answers it, is open with the first state', () => {
    const m = new Machine().feed([On.wanted], [On.opened, 1, true], [On.frame, 1, state])
    expect([m.state, m.timers[Timer.connect], m.timers[Timer.watchdog]]).toEqual(['open', undefined, 35_000])
  })

  test('presents each new token on the live socket', () => {
    expect(open().feed([On.token]).did(Do.auth)).toEqual([1])
  })

  test.each([
    [1006, 'backoff', 500], [1011, 'backoff', 500], [4408, 'backoff', 500], [1001, 'backoff', 2_500], [1012, 'backoff', 2_500],
    [1013, 'backoff', 15_000], [4429, 'backoff', 15_000], [4401, 'backoff', 0], [4400, 'stopped', undefined], [4403, 'stopped', undefined],
  ])('closed with %d is in %s, and back in %s ms', (code, is, ms) => {
    const m = open().feed([On.closed, 1, code])
    expect([m.state, m.timers[Timer.retry], m.model.lastClose]).toEqual([is, ms, code])
  })

  test('backs off further with each failure, up to a minute, and from the start after standing for 30 s', () => {
    const m = new Machine().feed([On.wanted])
    m.roll = 1
    const delays: (number | undefined)[] = []
    for (let i = 0; i < 9; i++) {
      m.feed([On.closed, m.model.main, 1006])
      delays.push(m.timers[Timer.retry])
      m.feed([On.timer, Timer.retry])
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
    const id = m.model.main
    m.feed([On.opened, id, true], [On.frame, id, welcome])
    expect(m.model.attempt).toBe(9)
    m.feed([On.timer, Timer.stable])
    expect(m.feed([On.closed, id, 1006]).timers[Timer.retry]).toBe(1_000)
  })

  test('a welcome alone does not reset the back-off: a server that dies after it is left in peace', () => {
    const m = open()
    m.roll = 1
    for (let i = 0; i < 5; i++) {
      m.feed([On.closed, m.model.main, 1006], [On.timer, Timer.retry], [On.opened, m.model.main, true], [On.frame, m.model.main, welcome])
    }
    expect(m.feed([On.closed, m.model.main, 1006]).timers[Timer.retry]).toBe(32_000)
  })

  test('gives up a handshake after 15 s and a silent server after a beacon and ten seconds', () => {
    const connecting = new Machine().feed([On.wanted], [On.timer, Timer.connect])
    expect([connecting.state, connecting.did(Do.close)]).toEqual(['backoff', [1]])
    const silent = open().feed([On.timer, Timer.watchdog])
    expect([silent.state, silent.did(Do.close)]).toEqual(['backoff', [1]])
  })

  test('any message proves life, a readable one or not', () => {
    const m = open()
    delete m.timers[Timer.watchdog]
    expect(m.feed([On.frame, 1, null]).timers[Timer.watchdog]).toBe(30_000)
  })

  test('what a forgotten socket still says is ignored', () => {
    const m = open().feed([On.closed, 1, 1006], [On.timer, Timer.retry])
    const before = m.model
    m.feed([On.closed, 1, 4403], [On.opened, 1, true], [On.frame, 1, welcome], [On.frame, 99, state])
    expect(m.model).toEqual(before)
  })

  test('a refused token: waits as told, refreshes once, and connects with the new one', () => {
    const m = open().feed([On.frame, 1, { type: 'error', code: 'key_retired', retryAfterMs: 7_000 }], [On.closed, 1, 4401])
    expect([m.state, m.timers[Timer.retry]]).toEqual(['backoff', 7_000])
    expect(m.feed([On.timer, Timer.retry]).did(Do.refresh)).toEqual([0])
    expect(m.feed([On.timer, Timer.retry]).did(Do.refresh)).toEqual([])
    expect(m.feed([On.token]).did(Do.open)).toEqual([2])
    // Refused again: not at once.
    m.roll = 1
    expect(m.feed([On.closed, 2, 4401]).timers[Timer.retry]).toBe(2_000)
  })

  test.each([
    ['while it waits as told', []],
    ['while it is being replaced', [[On.timer, Timer.retry]]],
    ['after that has failed', [[On.timer, Timer.retry], [On.refreshFailed]]],
  ] as [string, Event[]][])('a refused token that is replaced %s: comes back at once, for tokens come no faster than the issuer admits them', (_, before) => {
    const m = open().feed([On.frame, 1, { type: 'error', code: 'key_revoked', retryAfterMs: 60_000 }], [On.closed, 1, 4401], ...before)
    expect(m.feed([On.token]).did(Do.open)).toEqual([2])
    expect([m.state, m.timers[Timer.retry]]).toEqual(['connecting', undefined])
  })

  test.each([1013, 4429, 1006])('a new token does not cut short what close code %i asks for', (code) => {
    const m = open().feed([On.closed, 1, code])
    expect(m.feed([On.token]).did(Do.open)).toEqual([])
  })

  test('a refused token that could not be replaced: comes back after ten seconds or more', () => {
    const m = open().feed([On.closed, 1, 4401], [On.timer, Timer.retry], [On.refreshFailed])
    expect(m.timers[Timer.retry]).toBeGreaterThanOrEqual(10_000)
    expect(m.feed([On.timer, Timer.retry]).did(Do.open)).toEqual([2])
  })

  test('retryAfterMs holds for the close that follows, and for no other', () => {
    const busy: ServerFrame = { type: 'error', code: 'try_again_later', retryAfterMs: 40_000 }
    const m = open().feed([On.frame, 1, busy], [On.closed, 1, 1013])
    expect(m.timers[Timer.retry]).toBeGreaterThanOrEqual(40_000)
    m.feed([On.timer, Timer.retry], [On.closed, 2, 1013])
    expect(m.timers[Timer.retry]).toBeLessThan(40_000)
  })

  test('stopped ends only for another user or a new sign-in', () => {
    const m = open().feed([On.closed, 1, 4403])
    for (const on of [On.online, On.visible, On.wake, On.thaw, On.token, On.wanted]) expect(m.feed([on]).state).toBe('stopped')
    expect(m.feed([On.restart]).state).toBe('connecting')
  })
})

describe('a drain', () => {
  const drained = (): Machine => open().feed([On.frame, 1, { type: 'drain', withinMs: 30_000 }])

  test('that comes before the welcome counts as well', () => {
    const m = new Machine().feed([On.wanted], [On.opened, 1, true], [On.frame, 1, { type: 'drain', withinMs: 30_000 }], [On.frame, 1, welcome])
    expect(m.timers[Timer.drain]).toBe(15_000)
    expect(m.feed([On.closed, 1, 1012]).timers[Timer.retry]).toBe(15_000)
    m.feed([On.timer, Timer.retry], [On.opened, 2, true], [On.frame, 2, welcome], [On.closed, 2, 1012])
    expect(m.timers[Timer.retry], 'the next one was announced no drain').toBe(2_500)
  })

  test('opens the replacement at a random moment, and closes the old one only when it stands', () => {
    const m = drained()
    expect([m.timers[Timer.drain], m.did(Do.open)]).toEqual([15_000, []])
    expect(m.feed([On.timer, Timer.drain]).did(Do.open)).toEqual([2])
    expect([m.state, m.model.main, m.model.next]).toEqual(['open', 1, 2])
    m.feed([On.opened, 2, true])
    expect([m.state, m.model.main]).toEqual(['open', 1])
    m.feed([On.frame, 2, welcome])
    expect([m.state, m.model.main, m.model.next, m.did(Do.close)]).toEqual(['open', 2, 0, [1]])
    expect(m.feed([On.closed, 1, 1001]).state).toBe('open')
  })

  test('that ends before the replacement stands hands over to it', () => {
    const m = drained().feed([On.timer, Timer.drain], [On.closed, 1, 1001])
    expect([m.state, m.model.main, m.timers[Timer.connect]]).toEqual(['authing', 2, 15_000])
    expect(m.feed([On.frame, 2, welcome]).state).toBe('open')
  })

  test('whose replacement fails keeps the old connection for as long as it lasts', () => {
    const m = drained().feed([On.timer, Timer.drain], [On.closed, 2, 1006])
    expect([m.state, m.model.main]).toEqual(['open', 1])
    const slow = drained().feed([On.timer, Timer.drain], [On.timer, Timer.standby])
    expect([slow.state, slow.did(Do.close)]).toEqual(['open', [2]])
  })

  test('that cuts the connection spreads the return over its window', () => {
    expect(drained().feed([On.closed, 1, 1012]).timers[Timer.retry]).toBe(15_000)
  })
})

describe('the page', () => {
  test('hidden for five minutes closes, seen again connects at once', () => {
    const m = open().feed([On.hidden])
    expect(m.timers[Timer.hidden]).toBe(300_000)
    m.feed([On.timer, Timer.hidden])
    expect([m.state, m.did(Do.close)]).toEqual(['idle', [1]])
    expect(m.feed([On.token]).did(Do.open)).toEqual([])
    expect(m.feed([On.visible]).did(Do.open)).toEqual([2])
  })

  test('seen again before that keeps the connection, and proves it', () => {
    const m = open().feed([On.hidden], [On.visible])
    expect([m.state, m.timers[Timer.hidden], m.did(Do.ping)]).toEqual(['open', undefined, [1]])
  })

  test('put into the back/forward cache lets go of everything, and connects when it comes back', () => {
    const m = open().feed([On.freeze])
    expect([m.state, m.did(Do.close), m.timers]).toEqual(['idle', [1], {}])
    expect(m.feed([On.thaw]).did(Do.open)).toEqual([2])
  })

  test('after a sleep does not trust the socket: it pings, and without an answer in 5 s comes back soon', () => {
    const m = open().feed([On.wake])
    expect([m.did(Do.ping), m.timers[Timer.probe]]).toEqual([[1], 5_000])
    const dead = open().feed([On.wake], [On.timer, Timer.probe])
    expect([dead.state, dead.did(Do.close), dead.timers[Timer.retry]]).toEqual(['backoff', [1], 1_500])
    expect(m.feed([On.frame, 1, { type: 'pong' }]).timers[Timer.probe]).toBeUndefined()
  })

  test('back online comes back within three seconds, unless the server asked for distance', () => {
    const m = new Machine().feed([On.wanted])
    for (let i = 0; i < 8; i++) m.feed([On.closed, m.model.main, 1006], [On.timer, Timer.retry])
    m.feed([On.closed, m.model.main, 1006], [On.offline], [On.online])
    expect(m.timers[Timer.retry]).toBe(1_500)
    const busy = open().feed([On.closed, 1, 1013])
    const before = busy.timers[Timer.retry]
    expect(busy.feed([On.online]).timers[Timer.retry]).toBe(before)
  })

  test('offline makes no attempt until it is online', () => {
    const m = open().feed([On.offline], [On.closed, 1, 1006], [On.timer, Timer.retry])
    expect([m.state, m.did(Do.open)]).toEqual(['backoff', []])
    m.feed([On.online], [On.timer, Timer.retry])
    expect(m.state).toBe('connecting')
  })
})

test('whatever happens in whatever order: one socket in use, one in reserve at most, and no socket is forgotten', () => {
  const world = new World(11)
  const pick = <T>(all: readonly T[]): T => all[Math.floor(world.random() * all.length)]!
  const frames: (ServerFrame | null)[] = [welcome, state, null, { type: 'drain', withinMs: 5 }, { type: 'error', code: 'x', retryAfterMs: 1 }]
  for (let run = 0; run < 300; run++) {
    const m = new Machine()
    const alive = new Set<number>()
    for (let n = 0; n < 120; n++) {
      const id = pick([...alive, m.model.main, m.model.next].filter(Boolean).concat(1))
      const event = pick<() => Event>([
        () => [On.opened, id, world.random() < 0.7], () => [On.frame, id, pick(frames)],
        () => [On.closed, id, pick([1001, 1006, 1013, 4401, 4403, 4429])],
        () => [On.timer, pick(Object.keys(m.timers).map(Number).concat(Timer.stable))],
        () => [pick([On.wanted, On.wanted, On.unwanted, On.token, On.refreshFailed, On.online, On.offline, On.hidden, On.visible, On.freeze, On.thaw, On.wake, On.restart])],
      ])()
      if (event[0] === On.timer) delete m.timers[event[1] as Timer]
      if (event[0] === On.closed) alive.delete(event[1]!)
      m.roll = world.random()
      m.feed(event)
      for (const opened of m.did(Do.open)) alive.add(opened)
      for (const closed of m.did(Do.close)) alive.delete(closed)
      const { main, next, waiting, wanted, stopped, frozen, asleep, offline } = m.model
      expect([...alive].sort()).toEqual([main, next].filter(Boolean).sort())
      if (main || stopped || !wanted || frozen || asleep || offline) continue
      // Someone will bring it back: a timer, or the refresh that is under way.
      expect(waiting === Wait.refresh || m.timers[Timer.retry] !== undefined, JSON.stringify([event, m.model])).toBe(true)
    }
  }
})
