/**
 * What the client reads out of a token, for scheduling and for telling tokens apart only: nothing here is
 * verified, and nothing may be allowed because of it.
 */
export interface Claims {
    readonly kid: string | null;
    readonly sub: string | null;
    readonly iss: string | null;
    /** Unix seconds, as written in the token. */
    readonly iat: number | null;
    readonly exp: number | null;
    /** All that the token says. */
    readonly payload: Readonly<Record<string, unknown>>;
    /** Equal for tokens that grant the same subject the same under the same kid, however often reissued. */
    readonly digest: string;
}
/** One part of a token as the object that it is; null for anything else. */
export declare function segment(text?: string): Record<string, unknown> | null;
/** Reads the payload of a token, as itself or its server tells it; null when it is none. */
export declare function readClaims(payload: any, kid: string | null): Claims | null;
/** Reads a compact JWS of at most 16 Ki characters; null when it is none, or a part of it is no JSON object. */
export declare function readToken(token: unknown): Claims | null;
