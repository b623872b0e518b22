// What covers.ts of both vitest projects stands on: the list of known IDs, and
// the rule how many of them one test may name.
import { readFileSync } from 'node:fs'

const known = new Set(Object.keys(JSON.parse(readFileSync(new URL('../requirements.json', import.meta.url), 'utf8'))))

/** How many IDs one test may cover: a test that proves everything proves nothing in particular. */
export const most = 3

/**
 * Binds IDs of test/requirements.json to the running test; the reporter beside this file writes them down
 * with its outcome. Throws without a running test, for an unknown ID, and for more than `most`.
 * @param {{ meta: object, name: string } | undefined} task
 * @param {readonly string[]} ids
 */
export function bind(task, ids) {
  if (!task) throw new Error('covers() is called within a test, as its first statement')
  for (const id of ids) if (!known.has(id)) throw new Error(`covers('${id}'): test/requirements.json does not list it`)
  const all = [...new Set([...(task.meta.covers ?? []), ...ids])]
  if (all.length === 0 || all.length > most) throw new Error(`"${task.name}" covers ${all.length} IDs, want 1 to ${most}: split it`)
  task.meta.covers = all
}
