/** What a refusing answer says of itself. */
export interface Problem {
    /** Machine-readable reason of an `application/problem+json` body: one short word; '' without one. */
    readonly code: string;
    /** `error` of the `WWW-Authenticate: Bearer` challenge (RFC 6750 section 3); '' without one. */
    readonly error: string;
    /** How long to wait, at most an hour, from the body or `Retry-After`; null when nobody says. */
    readonly retryAfterMs: number | null;
}
/** The `error` parameter within the first KiB of a challenge, quoted or not; '' when there is none. */
export declare function challengeError(header: string | null): string;
/** Reads a refusal without consuming the answer: whoever gets the response can still read its body. */
export declare function readProblem(response: Response): Promise<Problem>;
