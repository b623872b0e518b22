/** What the end of a connection asks of the client. */
export type CloseAction = 'reconnect' | 'backoff' | 'refresh' | 'stop';
/** The action for a close code; whatever the table does not name (1006, a proxy's own code) is backed off. */
export declare function closeAction(code: number): CloseAction;
/** Whether the server asked to stay away for at least 10 s. */
export declare function keepsDistance(code: number): boolean;
/** All codes that the table names, for the test that compares it with the server's. */
export declare const knownCloseCodes: readonly number[];
