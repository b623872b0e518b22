/**
 * Where the token may go. An origin is named exactly, scheme, host and port; anything looser would hand the
 * bearer token to strangers.
 */
/** Reads a list of origins, separated by commas or spaces; `self` is the page's own. Throws on anything else. */
export declare function parseOrigins(list: string, base: string): readonly string[];
/** The addresses, without their query, that never get a token and never cause a refresh. */
export declare function authEndpoints(refreshUrl: string, ...more: string[]): readonly string[];
/** An address without query and fragment. */
export declare function bare(url: string): string;
