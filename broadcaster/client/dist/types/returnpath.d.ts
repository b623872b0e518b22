/**
 * The place of the page that a redirect to sign-in leaves, and comes back to: path, query and hash, in the storage
 * of the tab.
 */
/** Where the place is kept; the first that holds one counts. The older name is honoured, and never written. */
export declare const placeKeys: readonly ["postRefreshUrl", "postLoginUrl"];
/**
 * A kept place that may be gone to, letter by letter as it was kept; null for any other: whatever could write into
 * the tab's storage must not choose where the user ends up. It is a path of this origin by the browser's own parser,
 * begins with exactly one slash, and is none of the routes of sign-in, which would lead in a circle.
 */
export declare function goodPlace(kept: string, origin: string, routes: readonly string[]): string | null;
