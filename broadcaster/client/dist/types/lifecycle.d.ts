import type { Event } from './connection';
import type { Environment } from './environment';
/** What the life of the page drives. */
export interface PageParts {
    readonly dispatch: (event: Event) => void;
    /** Lets go of fetch and lock: a page that holds one can't enter the back/forward cache. */
    readonly suspend: () => void;
    readonly resume: () => void;
    /** Does what has become due. */
    readonly look: () => void;
}
/** Follows visibility, network, back/forward cache and sleep, for as long as the page lives. */
export declare function watchPage(env: Environment, p: PageParts): void;
