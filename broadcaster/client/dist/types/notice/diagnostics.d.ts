/** What a person may send to support: what the manager tells about itself, and the browser; nothing that looks like a secret. */
export declare function diagnostics(info: unknown, page: Document): string;
/** Writes into the clipboard; resolves with '' when it took it, otherwise with the text, to be copied by hand. */
export declare function write(page: Document, text: string): Promise<string>;
