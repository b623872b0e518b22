/** What the end of a connection asks of the client. */
export type CloseAction = 'reconnect' | 'backoff' | 'refresh' | 'stop'

/** key: close code; value: the action it asks for. The server's tests read the same table. */
export const closeCodes: Readonly<Record<number, CloseAction>> = {
  1001: 'reconnect', 1012: 'reconnect',
  1013: 'backoff', 4408: 'backoff', 4429: 'backoff',
  4401: 'refresh',
  4400: 'stop', 4403: 'stop',
}

/** The action for a close code; whatever the table does not name (1006, a proxy's own code) is backed off. */
export function closeAction(code: number): CloseAction {
  return closeCodes[code] ?? 'backoff'
}

/** Whether the server asked for distance: the back-off starts at 10 s, not at 1 s. */
export function keepsDistance(code: number): boolean {
  return code === 1013 || code === 4429
}
