import type { Core } from './core.js';
/**
 * Asks a login address in a hidden frame, which is gone from the page again before this resolves: `ok`, the reason why
 * not, or `blocked` when nothing came: framing is forbidden, or nobody answers. Only that very frame is heard, and only
 * while it shows a page of the login's own origin.
 */
export declare function askFrame({ scope, within, after }: Core, url: string, outer: AbortSignal): Promise<string>;
