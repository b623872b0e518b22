/** The console's object of a client: what people ask of it from the developer tools. Importing this does nothing. */
export type { ConfigurationReport } from './check';
export { installCompat } from './compat';
export type { Config } from './config';
export type { DebugInfo, DecodedToken, Exposure, Manager, ManagerOptions, Recovery, TokenCheck, Validator } from './manager';
export { createManager, expose } from './manager';
export type { Stats } from './stats';
