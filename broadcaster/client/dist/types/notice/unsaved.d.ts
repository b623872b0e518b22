/** Looks after what users have entered into a page. */
export interface Unsaved {
    /** Something would be lost by leaving the page. */
    any(): boolean;
    stop(): void;
}
/**
 * A page has unsaved changes when a text differs from what it was delivered with, whoever wrote it, or when a user has
 * changed a box or a list, or has entered something that is still there: frameworks move the default along with the
 * value. Boxes and lists that a script has set are no work. Sending or resetting a form settles it; what was sent may
 * stay in its fields. An app that knows better says so itself.
 */
export declare function watchUnsaved(page: Document): Unsaved;
