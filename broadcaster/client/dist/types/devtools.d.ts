/** The console's object of a client: what people ask of it from the developer tools. Importing this does nothing. */
export type { ConfigurationReport } from './check.js';
export { installCompat } from './compat.js';
export type { Config } from './config.js';
export type { DebugInfo, DecodedToken, Exposure, Manager, ManagerOptions, Recovery, TokenCheck, Validator } from './manager.js';
export { createManager, expose } from './manager.js';
export type { Stats } from './stats.js';
