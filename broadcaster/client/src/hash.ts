/**
 * Small, fast hashes. None of them is cryptographic: they spread browsers over a window and recognise
 * "the same claims as before"; nobody's safety rests on them.
 */

/** FNV-1a over the UTF-16 code units of text; 32 bits. */
export function fnv1a(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h
}

/** The 32-bit finaliser of MurmurHash3: one flipped bit of the input flips half of the output. Unsigned. */
export function fmix32(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/**
 * This browser's place in the refresh window of a state, in [0, 1). Every tab of one browser computes the
 * same place, so that they race for one lock instead of refreshing one after the other.
 */
export function place(browserId: string, rev: number | string): number {
  return fmix32(fnv1a(browserId + rev)) / 2 ** 32
}
