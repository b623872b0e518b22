/** What the end of a connection asks of the client. */
export type CloseAction = 'reconnect' | 'backoff' | 'refresh' | 'stop';
/** key: close code; value: the action it asks for. The server's tests read the same table. */
export declare const closeCodes: Readonly<Record<number, CloseAction>>;
/** The action for a close code; whatever the table does not name (1006, a proxy's own code) is backed off. */
export declare function closeAction(code: number): CloseAction;
/** Whether the server asked for distance: the back-off starts at 10 s, not at 1 s. */
export declare function keepsDistance(code: number): boolean;
