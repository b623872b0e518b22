/**
 * What a sink for analytics gets: what happened, and nothing about whom it happened to. No subject, token, address
 * or text of the server is in it.
 */
export interface AnalyticsReport {
    readonly what: 'refresh' | 'blocked' | 'episode' | 'notice' | 'hardrefresh';
    /** What set a refresh off. */
    readonly trigger?: string;
    /** How a refresh or an episode went on. */
    readonly phase?: string;
    /** Which guard stood before a refresh. */
    readonly layer?: string;
}
/** A sink that sends each report to url as it comes, also while the page is being left; nothing waits for it. */
export declare function beaconTo(url: string): (report: AnalyticsReport) => void;
