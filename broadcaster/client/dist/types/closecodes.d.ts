/** What the end of a connection asks of the client. */
export type CloseAction = 'reconnect' | 'backoff' | 'refresh' | 'stop';
/** key: action; value: the close codes that ask for it. The server's tests read the same table. */
export declare const closeCodes: {
    readonly reconnect: readonly [1001, 1012];
    readonly backoff: readonly [1013, 4408, 4429];
    readonly refresh: readonly [4401];
    readonly stop: readonly [4400, 4403];
};
/** The action for a close code; whatever the table does not name (1006, a proxy's own code) is backed off. */
export declare function closeAction(code: number): CloseAction;
/** Whether the server asked for distance: the back-off starts at 10 s, not at 1 s. */
export declare function keepsDistance(code: number): boolean;
