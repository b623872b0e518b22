import type { Episode } from '../episodes.js';
import type { Settings } from '../settings.js';
/** What the notice looks like; `hidden` is no notice at all. */
export type View = 'hidden' | 'warning' | 'refreshing' | 'success' | 'failed' | 'hard' | 'denied';
/** All that the notice knows. A value: next makes a new one. */
export interface State {
    readonly panel: 'hidden' | 'warning' | 'success' | 'denied';
    /** The newest episode that was heard of, whatever its phase. */
    readonly heard: number;
    /** The newest episode that was shown or dismissed: neither it nor an older one opens the notice again. */
    readonly done: number;
    /** What a click has started and has not ended. */
    readonly busy: '' | 'refresh' | 'hard';
    /** A token refresh is not enough: the hard refresh is proposed. */
    readonly hard: boolean;
    /** Why the last click failed; '' when it did not. */
    readonly error: string;
    /** The server's own words on a 403; may be ''. */
    readonly detail: string;
    /** A hard refresh was asked for, and the page has unsaved changes: the next click is a yes. */
    readonly unsaved: boolean;
    /** More Information is open. */
    readonly expanded: boolean;
}
export type Happening = {
    readonly what: 'episode';
    readonly episode: Episode;
    readonly notify: Settings['notifyOnSuccess'];
} | {
    readonly what: 'busy';
    readonly busy: 'refresh' | 'hard';
} | {
    readonly what: 'refreshed';
} | {
    readonly what: 'failed';
    readonly error: string;
} | {
    readonly what: 'unsaved';
} | {
    readonly what: 'toggle';
} | {
    readonly what: 'dismiss';
}
/** Dismissed in another tab of this browser: what has begun until now is the same failure. */
 | {
    readonly what: 'elsewhere';
}
/** A success was shown for long enough. */
 | {
    readonly what: 'over';
};
export declare const initial: State;
/** The state after a happening. Pure. */
export declare function next(state: State, happening: Happening): State;
/** What a state looks like. Pure. */
export declare function view({ panel, busy, error, hard }: State): View;
