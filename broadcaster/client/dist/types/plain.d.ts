/** Text for people, of whatever origin: what looks like a token is left out, and what is longer than 300 characters cut. */
export declare function plain(text: unknown): string;
