/** Why the client could not do what was asked; stable, for programs. */
export type ErrorCode =
  /** The server holds no session any more: sign in again. */
  | 'session_ended'
  /** Nobody is signed in, or the user signed out meanwhile. */
  | 'signed_out'
  /** The page is being left for a sign-in that ends here again; nothing of it waits any more. */
  | 'redirecting'
  /** The identity provider wants to see the user: nothing goes on without a sign-in. */
  | 'unauthorized'
  /** The refresh endpoint did not answer usefully, or a sign-in that would help is not possible now. */
  | 'refresh_failed'
  /** Three refreshes caused by failures within five minutes; the fourth is refused. */
  | 'budget_spent'
  /** Two new tokens in a row were refused; refreshing more would not help. */
  | 'breaker_open'
  /** `autoRefreshOnError` is false: no refresh after a failure. */
  | 'auto_refresh_off'
  /** The server could not be told of a logout. */
  | 'logout_failed'
  /** The issuer still signs with the old key. */
  | 'key_not_current'
  /** The server ended the connection for good. */
  | 'connection_refused'

/** The one error class; `code` for programs, `message` for people, neither ever holds a token. */
export class KeyturnError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string) {
    super(message)
    this.name = 'KeyturnError'
    this.code = code
  }
}
