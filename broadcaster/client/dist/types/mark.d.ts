import type { Core } from './core.js';
/** A short note of this tab that outlives the page: what a redirect must not forget, or it would go on for ever. */
export interface Mark {
    read(): string;
    /** '' removes it. */
    write(value: string): void;
}
/** A note under this key of sessionStorage; where that takes nothing, in a cookie of this host for five minutes. It holds no secret. */
export declare function createMark({ scope: { document }, read, write }: Core, key: string): Mark;
