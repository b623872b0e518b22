/** Which tab of a browser shows the notice: a visible one, and only one. */
export interface Claim {
    /** This tab has something to show, or no more. */
    want(wanted: boolean): void;
    /** This tab may show it. */
    mine(): boolean;
    /** Tells the other tabs that the user has seen enough. */
    dismiss(): void;
    close(): void;
}
/**
 * Joins the tabs of one origin. A tab that shows says its name, a number above 0, and the negative of it when it stops
 * or is hidden; of those that show at once the smallest name stays. Each tab remembers the smallest name it heard, and
 * only that one's end counts: the others give way without anybody following. Without a channel each tab is on its own.
 */
export declare function createClaim(name: string, page: Document, changed: () => void, dismissed: () => void, me?: number): Claim;
