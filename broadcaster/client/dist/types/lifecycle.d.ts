import type { Connection } from './socket';
import type { Core } from './core';
import type { Refresher } from './refresher';
/**
 * Follows visibility, network, back/forward cache and sleep, for as long as the page lives. look does what has
 * become due; it comes first, since a probe or a reconnect with an expired token would be refused.
 */
export declare function watchPage(core: Core, look: () => void, { dispatch }: Connection, { suspend, resume }: Refresher): void;
