/**
 * Where the token may go. An origin is named exactly, scheme, host and port; anything looser would hand the
 * bearer token to strangers.
 */
/** Reads a list of origins, separated by commas or spaces; `self` is the page's own. Throws on anything else. */
export declare function parseOrigins(list: string | readonly string[], base: string): readonly string[];
/** Whether a request is one to carry the token. */
export declare function isProtected(url: URL, origins: readonly string[], authEndpoints: readonly string[]): boolean;
/** The endpoints that a refresh endpoint implies, as origin and path. */
export declare function authEndpointsOf(refreshUrl: string, logoutUrl: string): readonly string[];
