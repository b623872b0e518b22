/**
 * Reads foreign data by its expected shape: text (at most 512 characters), a duration or number from 0 to ten
 * thousand years of milliseconds, a flag, a list (at most 64 items), or an object of such. Whatever does not fit as a whole is
 * refused; only named fields are copied. `?` marks what may be null or missing, and is then null.
 */
export type Shape = 'text' | 'text?' | 'number' | 'number?' | 'flag' | readonly [Shape] | {
    readonly [name: string]: Shape;
};
/** The type of what a shape reads. */
export type Shaped<S> = S extends 'text' ? string : S extends 'text?' ? string | null : S extends 'number' ? number : S extends 'number?' ? number | null : S extends 'flag' ? boolean : S extends readonly [infer One] ? readonly Shaped<One>[] : {
    readonly [K in keyof S]: Shaped<S[K]>;
};
/** What of value fits the shape; undefined when it does not. */
export declare function fit<const S extends Shape>(shape: S, value: unknown): Shaped<S> | undefined;
/** JSON of at most 64 Ki characters that is an object; null for anything else. Never throws. */
export declare function parseObject(text: unknown): Record<string, unknown> | null;
