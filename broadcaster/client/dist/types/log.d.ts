import type { Environment } from './environment';
/**
 * The console. Every line carries the mark by which people filter for refresh activity; none carries a token,
 * a part of one, or a name of a person.
 */
export interface Log {
    info(line: string): void;
    warn(line: string): void;
    /** Only with the debug switch on. */
    debug(line: string): void;
}
/** The console of the page; debug says whether the verbose lines are wanted. */
export declare function createLog(env: Environment, debug: () => boolean): Log;
/** Whether `localStorage.debug` names us, as other libraries read it too: `keyturn`, `keyturn:*`, `*`. */
export declare function debugSwitch(env: Environment): boolean;
