/** Looks after what users have entered into a page. */
export interface Unsaved {
    /** Something would be lost by leaving the page. */
    any(): boolean;
    stop(): void;
}
/**
 * A page has unsaved changes when a form element differs from what it was delivered with, or when a user has entered
 * something that is still there: frameworks move the default along with the value. Sending or resetting a form
 * settles it. An app that knows better says so itself.
 */
export declare function watchUnsaved(page: Document): Unsaved;
