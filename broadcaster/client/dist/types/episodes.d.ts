import type { Trigger } from './guard.js';
import type { RefreshNews } from './refresher.js';
/** What the request paths report; statistics and episodes are made of it. */
export type Trouble = 
/** An authentication failure, once a request. late: a newer token was there already, so the story is an old one. */
{
    readonly what: 'refused';
    readonly status: number;
    readonly code: string;
    readonly message: string;
    readonly late?: boolean;
}
/** No refresh, because a guard stands before it; the caller gets the failure, except from `inflight`, which joins. */
 | {
    readonly what: 'blocked';
    readonly layer: Layer;
    readonly status: number;
    readonly code: string;
    readonly message: string;
}
/** A 403 after its refresh: truly not allowed. message: the server's detail, or ''. */
 | {
    readonly what: 'denied';
    readonly message: string;
}
/** A replay was accepted. */
 | {
    readonly what: 'recovered';
};
/** Which guard stood before a refresh. */
export type Layer = 'attempted' | 'claims' | 'inflight' | 'budget' | 'breaker' | 'stream' | 'off';
/** One story of trouble: from the first refused request or failed refresh until it is over. */
export interface Episode {
    /** Grows; a failure after the end of one is a new one. */
    readonly id: number;
    /** over: the user has gone, which is no outcome. */
    readonly phase: 'open' | 'recovered' | 'failed' | 'denied' | 'over';
    /** A user could have noticed: a caller got a failure, or had to wait for a second attempt. */
    readonly noticeable: boolean;
    /** Failed refreshes in a row, over episodes; from 2 on a hard refresh is proposed. */
    readonly failures: number;
    /** The server says that script or configuration is too old. */
    readonly outdated: boolean;
    /** Stable reason, '' without one. */
    readonly code: string;
    /** For people: plain text, never markup, no token. */
    readonly message: string;
}
/** All that a story is made of. */
export type Happening = Trouble
/** sound: the token in use is good, so that nobody has noticed a failure, and a success is one. */
 | {
    readonly what: 'refresh';
    readonly phase: RefreshNews['phase'];
    readonly trigger: Trigger;
    readonly sound: boolean;
    readonly code?: string | undefined;
    readonly message?: string | undefined;
}
/** The server says that script or configuration is too old. */
 | {
    readonly what: 'outdated';
    readonly code: string;
    readonly message: string;
}
/** The user has signed out. */
 | {
    readonly what: 'left';
}
/** Begin to count anew. */
 | {
    readonly what: 'reset';
};
export interface Story {
    /** The present episode, or the last one; id 0 before the first. */
    readonly episode: Episode;
    /** Episodes so far. */
    readonly count: number;
    /** A request was refused in this episode; else only a refresh ahead of time has failed. */
    readonly asked: boolean;
    /** A new token has come since; whoever is refused now is refused with it. */
    readonly answered: boolean;
}
export declare const untold: Story;
/** The next state of the story. Where nothing changes for a listener, the episode stays the very same object. */
export declare function told(before: Story, h: Happening): Story;
