import type { Connection } from './socket.js';
import type { Core } from './core.js';
import type { Refresher } from './refresher.js';
/**
 * Follows visibility, network, back/forward cache and sleep, for as long as the page lives. look does what has
 * become due; it comes first, since a probe or a reconnect with an expired token would be refused.
 */
export declare function watchPage(core: Core, look: () => void, { dispatch }: Connection, { suspend, resume }: Refresher): void;
