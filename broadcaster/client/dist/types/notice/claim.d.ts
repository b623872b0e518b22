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
 * Joins the tabs of one origin. A tab that shows says `up`, and `down` when it stops or is hidden; of two that show
 * at once the one with the smaller name stays. Without a channel each tab is on its own.
 */
export declare function createClaim(name: string, page: Document, changed: () => void, dismissed: () => void, me?: number): Claim;
