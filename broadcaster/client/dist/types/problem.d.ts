/** What a refusing answer says of itself. */
export interface Problem {
    /** Machine-readable reason of a JSON body: one short word; '' without one. */
    readonly code: string;
    /** `error` of the `WWW-Authenticate: Bearer` challenge (RFC 6750 section 3); '' without one. */
    readonly error: string;
    /** How long to wait, at most an hour, from the body or `Retry-After`; null when nobody says. */
    readonly retryAfterMs: number | null;
    /** The server's text for people, no token in it; '' without one. Never to be shown as markup. */
    readonly message: string;
}
/** The `error` parameter within the first KiB of a challenge, quoted or not; '' when there is none. */
export declare function challengeError(header: string | null): string;
/** Whether a body of this type is looked into: JSON and plain text, no stream of either. */
export declare const legible: (type: string | null) => boolean;
/**
 * Reads what an answer says of an error, without consuming it: whoever gets the response can still read its body.
 * Of an answer that says it went well only an `error` in its body is one, as JSON-RPC, GraphQL and tool calls have it.
 */
export declare function readProblem(response: Response, signal?: AbortSignal): Promise<Problem>;
