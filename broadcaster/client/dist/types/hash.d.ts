/**
 * Small, fast hashes. None of them is cryptographic: they spread browsers over a window and recognise
 * "the same claims as before"; nobody's safety rests on them.
 */
/** FNV-1a over the UTF-16 code units of text; 32 bits. */
export declare function fnv1a(text: string): number;
/** The 32-bit finaliser of MurmurHash3: one flipped bit of the input flips half of the output. Unsigned. */
export declare function fmix32(h: number): number;
/**
 * This browser's place in the refresh window of a state, in [0, 1). Every tab of one browser computes the
 * same place, so that they race for one lock instead of refreshing one after the other.
 */
export declare function place(browserId: string, rev: number | string): number;
