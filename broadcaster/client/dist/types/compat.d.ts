import type { Keyturn } from './keyturn.js';
/**
 * An object by an older global name, for consoles and scripts that still ask it: the current kid is there, the
 * secret is not, and never was the browser's to know; who asks for it is told once where to look instead.
 * What an app has put there itself stays, but for these two.
 */
export declare function installCompat(keyturn: Keyturn, name?: string, scope?: any): void;
