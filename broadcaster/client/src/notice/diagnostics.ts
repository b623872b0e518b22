/** Anything like a token, a key or a credential: three parts by dots that begin like a JOSE header, or a long run of base64. */
const secretive = /eyJ[\w-]+(\.[\w-]*)*|[\w+/=-]{40,}/g

/** What a person may send to support: what the manager tells about itself, and the browser; nothing that looks like a secret. */
export function diagnostics(info: unknown, page: Document): string {
  const { userAgent, language, onLine } = page.defaultView!.navigator
  return JSON.stringify({ time: new Date(), ...(info as object), userAgent, language, onLine }, null, 1).replace(secretive, '…')
}

/** Writes into the clipboard; resolves with '' when it took it, otherwise with the text, to be copied by hand. */
export async function write(page: Document, text: string): Promise<string> {
  try {
    await page.defaultView!.navigator.clipboard.writeText(text)
    return ''
  } catch {
    return text
  }
}
