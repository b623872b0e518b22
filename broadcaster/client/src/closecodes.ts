/** What the end of a connection asks of the client. */
export type CloseAction = 'reconnect' | 'backoff' | 'refresh' | 'stop'

/** key: action; value: the close codes that ask for it. The server's tests read the same table. */
export const closeCodes = {
  reconnect: [1001, 1012],
  backoff: [1013, 4408, 4429],
  refresh: [4401],
  stop: [4400, 4403],
} as const

/** The action for a close code; whatever the table does not name (1006, a proxy's own code) is backed off. */
export function closeAction(code: number): CloseAction {
  for (const [action, codes] of Object.entries(closeCodes)) {
    if ((codes as readonly number[]).includes(code)) return action as CloseAction
  }
  return 'backoff'
}

/** Whether the server asked for distance: the back-off starts at 10 s, not at 1 s. */
export function keepsDistance(code: number): boolean {
  return code === 1013 || code === 4429
}
