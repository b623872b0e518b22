/**
 * Whether an error text speaks of the token, by whole words or phrases in any case: "JWT verification failed" does,
 * "tokenizer failed" does not. Tokens against request forgery are other tokens.
 */
export declare function speaksOfToken(text: string, words: readonly string[] | null): boolean;
