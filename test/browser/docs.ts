import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { until } from './daemon.js'

/** Where the pages about the browser client are. */
export const folder = fileURLToPath(new URL('../../broadcaster/client/docs/', import.meta.url))

/** A fenced block of a page. */
export interface Block {
  readonly page: string
  /** Of its first line; counts from 1. */
  readonly line: number
  /**
   * What it is, hence who runs it:
   * `js` is typed into the console of a page where somebody is signed in; `log` is what it prints there, or, with a
   * name, what the console shows in the scene of that name; `html` is put into a page; `sh` is run beside
   * `keyturn dev`; `output` is what it prints, or, with a name, what test/docs_test.go sees in the scene of that name;
   * `ts` is compiled, in test/adapters/docs.test.ts of the client; `yaml` is a configuration, which
   * cmd/keyturn/docs_test.go loads; `mjs` is run by Node.js, in docs-signin.test.ts;
   * `text` and `mermaid` are read only.
   */
  readonly tag: string
  readonly name: string
  readonly text: string
}

const fence = /^```(\w*) ?(.*)$/

/** All blocks of all pages, in order. Throws on a fence that is indented, unnamed or open. */
export function blocks(): Block[] {
  const all: Block[] = []
  for (const page of readdirSync(folder).filter((name) => name.endsWith('.md')).sort()) {
    let open: { line: number, tag: string, name: string, lines: string[] } | undefined
    for (const [at, text] of readFileSync(folder + page, 'utf8').split('\n').entries()) {
      const where = `${page}:${at + 1}`
      if (/^\s+```/.test(text)) throw new Error(`${where}: a fence stands at the start of its line`)
      const [, tag = '', name = ''] = fence.exec(text) ?? []
      if (!fence.test(text)) open?.lines.push(text)
      else if (open) {
        all.push({ page, line: open.line, tag: open.tag, name: open.name, text: open.lines.join('\n') })
        open = undefined
      } else if (!tag) throw new Error(`${where}: a block says what it is: \`\`\`js, log, html, sh, ts, output, yaml, mjs, text or mermaid`)
      else open = { line: at + 2, tag, name, lines: [] }
    }
    if (open) throw new Error(`${page}:${open.line}: a block has no end`)
  }
  return all
}

/** Whether a line is the one that a page shows; … there stands for whatever is there. */
export function matches(shown: string, line: string): boolean {
  const [first = '', ...rest] = shown.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${[first, ...rest].join('.+')}$`, 's').test(line)
}

/** The lines of a block that do not come, in order, among those given. */
export function missing(block: Block, lines: readonly string[]): string[] {
  let from = 0
  return block.text.split('\n').filter((shown) => {
    const at = lines.findIndex((line, i) => i >= from && matches(shown, line))
    if (at >= 0) from = at + 1
    return at < 0
  })
}

/**
 * Waits until a console, whose lines still grow, shows all that a block has; resolves with what it still lacks when
 * the time is over. A console comes after what its page does: a scene that has been played may still be telling of it.
 */
export async function unseen(block: Block, lines: readonly string[], deadlineMs = 20_000): Promise<string[]> {
  await until(() => missing(block, lines).length === 0, 'the lines are there', deadlineMs).catch(() => {})
  return missing(block, lines)
}
