import type { State } from './frames.js';
/** The token as far as the decision needs it. */
export interface Bearing {
    /** Public name of the key that verified it, where the server told; else null. */
    readonly key: string | null;
    /** `kid` of its own header; null when it names none. */
    readonly kid: string | null;
    /** Milliseconds since it was received. */
    readonly ageMs: number;
    /** Milliseconds since it was issued, by the server's clock where that is known; else as ageMs. */
    readonly issuedMs: number;
}
/**
 * Whether a token should be replaced because of the ring's state, `sinceReceiptMs` after that state came in.
 *
 * The key that verified the token decides. Where nobody told it, the header's kid does; and where that is
 * missing, or a retiring key shares it with the current one, the token's age against the age of the current
 * key. A state that does not know the token's key at all, though the token is younger than the current key,
 * comes from a replica that lags: then the token is ahead, and stays.
 */
export declare function outdated(state: State, token: Bearing, sinceReceiptMs: number): boolean;
