import type { Environment } from './environment'

/**
 * A random name of this browser, the same in all its tabs. It decides the place in the refresh window and never
 * leaves the browser. Without storage each tab has its own, which costs nothing but a second place.
 */
export function browserId(env: Environment): string {
  const fresh = env.random().toString(36).slice(2) + env.random().toString(36).slice(2)
  try {
    const area = env.local()
    const known = area.getItem('keyturn:browser')
    if (known) return known
    area.setItem('keyturn:browser', fresh)
  } catch {
    // Storage is switched off.
  }
  return fresh
}
