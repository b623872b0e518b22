/** What the end of a connection asks of the client. */
export type CloseAction = 'reconnect' | 'backoff' | 'refresh' | 'stop'

/** key: close code; value: what to do. The same table is read by the server's tests. */
const actions: Readonly<Record<number, CloseAction>> = {
  1001: 'reconnect',
  1012: 'reconnect',
  1013: 'backoff',
  4400: 'stop',
  4401: 'refresh',
  4403: 'stop',
  4408: 'backoff',
  4429: 'backoff',
}

/** Codes by which the server asks for distance: the back-off starts at 10 s, not at 1 s. */
const distant: readonly number[] = [1013, 4429]

/** The action for a close code; whatever the table does not name (1006, a proxy's own code) is backed off. */
export function closeAction(code: number): CloseAction {
  return actions[code] ?? 'backoff'
}

/** Whether the server asked to stay away for at least 10 s. */
export function keepsDistance(code: number): boolean {
  return distant.includes(code)
}

/** All codes that the table names, for the test that compares it with the server's. */
export const knownCloseCodes: readonly number[] = Object.keys(actions).map(Number)
