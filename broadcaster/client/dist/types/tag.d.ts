import type { Manager } from './manager.js';
import type { Scope } from './scope.js';
/**
 * Starts a client as the script's own tag says, or, where the script is a module, as `<meta name="keyturn" data-…>`
 * says: client, patches, console object and notice. Undefined, with a line in the console, where neither is on the
 * page, or a client runs already. An address that is written out starts from the page, as in any attribute;
 * without one it is beside the script.
 */
export declare function start(scope?: Scope): Manager | undefined;
