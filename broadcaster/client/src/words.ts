/** What an error text speaks of when it is about the token, where nothing else says so. */
const usual = ['jwt', 'token', 'signature']

/**
 * Whether an error text speaks of the token, by whole words or phrases in any case: "JWT verification failed" does,
 * "tokenizer failed" does not. Tokens against request forgery are other tokens.
 */
export function speaksOfToken(text: string, words: readonly string[] | null): boolean {
  const any = (words ?? usual).filter(Boolean).map((word) => word.replace(/\W/g, '\\$&')).join('|')
  return !!any && !/[cx]srf/i.test(text) && new RegExp(`(?<![\\w-])(${any})(?![\\w-])`, 'i').test(text)
}
