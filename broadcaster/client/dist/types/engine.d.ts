import type { Core } from './core.js';
import type { Recover } from './recover.js';
import type { Settings } from './settings.js';
/** What a client's other carriers, XMLHttpRequest and axios, stand on. */
export interface Engine {
    readonly core: Pick<Core, 'now' | 'after'>;
    readonly recover: Recover;
    readonly settings: () => Settings;
    /** Whether requests to this address, relative to the page's, carry the token. */
    readonly protects: (url: string) => boolean;
}
/** A client's fetch, which its engine goes with. */
export declare function attach<F extends object>(fetch: F, engine: Engine): F;
/** The engine of a client. Throws when what was given is none. */
export declare function engineOf(keyturn: {
    readonly fetch: object;
}): Engine;
/** Whether a body is read up by being sent. */
export declare const isStream: (body: any) => boolean;
