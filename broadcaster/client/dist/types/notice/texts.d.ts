/** Names of the notice's texts, in the order in which each language lists them. */
declare const names: readonly ["title", "body", "refresh", "hard", "dismiss", "close", "more", "refreshing", "done", "doneBody", "failed", "missing", "prompt", "unsaved", "denied", "deniedBody", "logout", "copy", "copied", "what", "solutions", "expected", "keys"];
/**
 * key: name; value: what the notice says. `what`, `solutions` and `expected` are a heading and its items, divided by
 * `|`; `keys` are the keys of a hard refresh as `platform: keys`, for Windows and Linux, Mac, and Safari, divided alike.
 */
export type Texts = Readonly<Record<(typeof names)[number], string>>;
/** The texts of a language, and how it is written. */
export interface Wording {
    readonly texts: Texts;
    /** BCP 47 tag of what is really said. */
    readonly lang: string;
    readonly dir: 'ltr' | 'rtl';
}
/** Says things in a language (BCP 47); one that is not known is said in English, but for what the app's own texts say. */
export declare function wording(language: string, own?: Partial<Texts>): Wording;
export {};
