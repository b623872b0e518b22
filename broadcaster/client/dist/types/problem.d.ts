/** What a refusing answer says of itself. */
export interface Problem {
    /** Machine-readable reason of an `application/problem+json` body; '' without one. */
    readonly code: string;
    /** `error` of the `WWW-Authenticate: Bearer` challenge (RFC 6750 section 3); '' without one. */
    readonly error: string;
    /** How long to wait, from the body or `Retry-After`; null when nobody says. */
    readonly retryAfterMs: number | null;
}
/** The `error` parameter of a Bearer challenge; '' when there is none. */
export declare function bearerError(header: string | null): string;
/** `Retry-After` in milliseconds (RFC 9110 section 10.2.3), seconds form only: a date needs a right clock. */
export declare function retryAfter(header: string | null): number | null;
/** Reads a refusal without consuming the answer: whoever gets the response can still read its body. */
export declare function readProblem(response: Response): Promise<Problem>;
