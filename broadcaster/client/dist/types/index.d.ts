/**
 * keyturn in the browser: keeps a JWT fresh while its signing key turns. Importing this does nothing;
 * createKeyturn starts a client.
 */
export type { AnalyticsReport } from './analytics.js';
export type { AuthFetch, AuthRequestInit } from './authfetch.js';
export type { ConnectionState } from './connection.js';
export type { AppToken } from './endpoint.js';
export type { Episode, Layer } from './episodes.js';
export type { ErrorCode } from './errors.js';
export { KeyturnError } from './errors.js';
export type { KeyturnEvents, Listener } from './events.js';
export type { Trigger } from './guard.js';
export { installFetch } from './install.js';
export type { Keyturn, Options, Status } from './keyturn.js';
export { createKeyturn } from './keyturn.js';
export type { Redirect } from './redirect.js';
export type { Settings } from './settings.js';
export type { SignInMode } from './signin.js';
export type { Transport } from './socket.js';
export type { RefreshOn403 } from './verdict.js';
export { installXhr } from './xhr.js';
