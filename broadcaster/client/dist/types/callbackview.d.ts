/** What a user sees of the callback page. */
export interface CallbackView {
    /** The sign-in is under way. */
    busy(): void;
    /** It has failed: why, as text, and where to begin anew. */
    fail(detail: string, login: string): void;
    /** Takes it off the page. */
    remove(): void;
}
/** Draws into element, or over the whole page. Text goes in as text alone. */
export declare function createCallbackView(page: Document, element?: Element | null): CallbackView;
