/**
 * keyturn in the browser: keeps a JWT fresh while its signing key turns. Importing this does nothing;
 * createKeyturn starts a client.
 */
export type { AnalyticsReport } from './analytics'
export type { AuthFetch, AuthRequestInit } from './authfetch'
export type { ConnectionState } from './connection'
export type { AppToken } from './endpoint'
export type { Episode, Layer } from './episodes'
export type { ErrorCode } from './errors'
export { KeyturnError } from './errors'
export type { KeyturnEvents, Listener } from './events'
export type { Trigger } from './guard'
export { installFetch } from './install'
export type { Keyturn, Options, Status } from './keyturn'
export { createKeyturn } from './keyturn'
export type { Redirect } from './redirect'
export type { Settings } from './settings'
export type { SignInMode } from './signin'
export type { Transport } from './socket'
export type { RefreshOn403 } from './verdict'
export { installXhr } from './xhr'
