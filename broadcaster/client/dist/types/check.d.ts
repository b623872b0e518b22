import type { Keyturn, Status } from './keyturn.js';
import type { Inside } from './inside.js';
import type { Settings } from './settings.js';
import type { Shaped } from './shape.js';
/** One finding of the configuration check. */
export interface Finding {
    readonly severity: 'error' | 'warning' | 'info';
    readonly message: string;
    /** What to do about it. */
    readonly fix: string;
    /** What happens while it stays as it is. */
    readonly impact: string;
}
/** What the configuration check found. No secret, no digest of one: booleans and names of keys. */
export interface ConfigurationReport {
    readonly valid: boolean;
    readonly hasWarnings: boolean;
    readonly issues: readonly Finding[];
    readonly warnings: readonly Finding[];
    readonly info: readonly Finding[];
    readonly summary: string;
    /** The five lines that the console shows. */
    readonly lines: readonly string[];
}
/** What the server says of itself: the ring's kids, and whether signer and verifiers agree. */
declare const shape: {
    readonly ring: "text";
    readonly kid: "text";
    readonly pending: readonly ["text"];
    readonly retiring: readonly ["text"];
    readonly strong: "flag";
    readonly match: "flag";
    readonly verifiers: {
        readonly reporting: "number";
        readonly agreeing: "number";
    };
    readonly locked: readonly ["text"];
    readonly version: "text";
};
export type ConfigStatus = Shaped<typeof shape>;
/** All that the check goes by. */
export interface Facts {
    /** Where the server was asked. */
    readonly url: string;
    /** HTTP status of the answer; null when there was none. */
    readonly status: number | null;
    /** The answer; null when it was none that can be read. */
    readonly answer: ConfigStatus | null;
    /** kid of the token in use; null without a token, or where its header names none. */
    readonly tokenKid: string | null;
    readonly socket: Status['socket'];
    /** Address of the page, and the path below which the app is said to live. */
    readonly page: string;
    readonly basePath: string;
    /** How people are signed in again. */
    readonly signIn: Settings['signIn'];
}
/** Judges the facts. Pure. */
export declare function judgeConfiguration({ url, status, answer, tokenKid, socket, page, basePath, signIn }: Facts): ConfigurationReport;
/** Asks the server, judges, and prints: all of it, or with brief only what is found. */
export declare function checkConfiguration(keyturn: Keyturn, { core, vault, send, refreshUrl, ring, settings, lock, log }: Inside, brief?: boolean): Promise<ConfigurationReport>;
export {};
