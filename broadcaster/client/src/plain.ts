/** Text for people, of whatever origin: what looks like a token is left out, and what is longer than 300 characters cut. */
export function plain(text: unknown): string {
  return String(text ?? '').replace(/[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, '…').slice(0, 300)
}
