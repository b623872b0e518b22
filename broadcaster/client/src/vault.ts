import type { Clock } from './clock'
import type { Claims } from './jwt'
import { readToken } from './jwt'

/** A token as somebody gave it: the refresh endpoint, the app, or a sibling tab. */
export interface Answer {
  readonly token: string
  /** Public name of the key that signed it, where told. */
  readonly key: string | null
  readonly kid: string | null
  /** Life left at receipt, in ms; null when nobody told. */
  readonly ttlMs: number | null
}

/** The token in use, with what is known of it. */
export interface Held extends Answer {
  readonly claims: Claims
  /** On the client's own clock: when it was asked for, hence never later than it was issued. */
  readonly receivedAt: number
  /** Unix ms of this machine at the same moment; comparable between tabs. */
  readonly wallAt: number
  /** How long before its end a token is replaced: five minutes, or half the life it had left, if that is less. */
  readonly leadMs: number
  /** Counts the tokens this tab has held; a request remembers the one it carried. */
  readonly generation: number
}

/** Token in memory, nowhere else. */
export interface Vault {
  held(): Held | null
  /** Changes whenever the user may have changed: logout, end of session, another subject. */
  login(): number
  /** Life left in ms, by elapsed time; Infinity where nobody told, 0 without a token. */
  leftMs(): number
  /** Takes a token that this tab asked for. Null when it can't be read. */
  take(answer: Answer, askedAt: number): Held | null
  /** Takes somebody else's token if it is newer: a sibling's of the same subject only, the app's own of any. */
  adopt(answer: Answer, wallAt: number, own?: boolean): Held | null
  /** Adds what the server told of the token of a generation: its key, and the life it has left at most. */
  learn(generation: number, key: string, ttlMs: number): void
  /** Forgets the token. Whatever was asked for before at (Unix ms) is refused from now on. */
  forget(at?: number): void
  /** The newest logout known, in Unix ms; grows only. */
  forgotten(): number
  /** True when no session is known: nobody asks again until a sign-in. */
  signedOut(): boolean
}

const lead = (leftMs: number | null): number => Math.min(300_000, (leftMs ?? Infinity) / 2)

/** Builds an empty vault; changed is called after each change of the token. */
export function createVault(clock: Clock, changed: (held: Held | null) => void): Vault {
  let held: Held | null = null
  let generation = 0
  let login = 0
  let forgotten = 0
  let out = false

  const put = (answer: Answer, claims: Claims, receivedAt: number, wallAt: number): Held => {
    if (held && (held.claims.sub !== claims.sub || held.claims.iss !== claims.iss)) login++
    const { token, key, kid, ttlMs } = answer
    const { iat, exp } = claims
    const life = ttlMs ?? (iat !== null && exp !== null ? (exp - iat) * 1000 : null)
    out = false
    held = {
      token, key, kid: kid ?? claims.kid, claims, receivedAt, wallAt, generation: ++generation,
      ttlMs: life, leadMs: lead(life),
    }
    changed(held)
    return held
  }

  const leftMs = (): number =>
    held ? (held.ttlMs === null ? Infinity : held.receivedAt + held.ttlMs - clock.now()) : 0

  return {
    held: () => held,
    login: () => login,
    forgotten: () => forgotten,
    signedOut: () => out,
    leftMs,
    take(answer, askedAt) {
      const claims = readToken(answer.token)
      const age = clock.now() - askedAt
      return claims && put(answer, claims, askedAt, Math.max(clock.wall() - age, forgotten + 1))
    },
    adopt(answer, wallAt, own = false) {
      const claims = readToken(answer.token)
      const wall = clock.wall()
      if (!claims || (!own && wallAt <= forgotten) || held?.token === answer.token) return null
      if (held) {
        const same = held.claims.sub === claims.sub && held.claims.iss === claims.iss
        const newer = (claims.iat ?? 0) - (held.claims.iat ?? 0) || wallAt - held.wallAt
        if (same ? newer <= 0 : !own) return null
      }
      return put(answer, claims, clock.now() - Math.max(wall - wallAt, 0), wallAt)
    },
    learn(of, key, ttlMs) {
      if (!held || held.generation !== of) return
      held = { ...held, key }
      // A second of difference is the network's, not the token's.
      if (ttlMs < leftMs() - 1000) {
        held = { ...held, ttlMs: clock.now() - held.receivedAt + ttlMs, leadMs: lead(ttlMs) }
      }
    },
    forget(at) {
      forgotten = Math.max(forgotten + 1, at ?? clock.wall())
      login++
      out = true
      const had = held
      held = null
      if (had) changed(null)
    },
  }
}
