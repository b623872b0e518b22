import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { squeeze, bundle } from '../scripts/build.mjs'
import { version } from '../src/version'
import { covers } from './covers'

const home = fileURLToPath(new URL('..', import.meta.url))
const script = readFileSync(join(home, 'dist/keyturn.js'), 'utf8')

/** All files below a folder. */
const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()

test('the committed build is what the sources give, byte for byte', () => {
  const fresh = mkdtempSync(join(tmpdir(), 'keyturn-'))
  try {
    execFileSync(process.execPath, [join(home, 'scripts/build.mjs'), fresh])
    const committed = join(home, 'dist')
    expect(files(fresh).length).toBeGreaterThan(3)
    expect(files(committed)).toEqual(files(fresh))
    for (const name of files(fresh)) {
      expect(readFileSync(join(committed, name)).equals(readFileSync(join(fresh, name))), `dist/${name}: run npm run build`).toBe(true)
    }
  } finally {
    rmSync(fresh, { recursive: true })
  }
})

/** Compressed bytes of what is in the script when a page needs this only. */
async function weigh(contents: string): Promise<number> {
  const [file] = await bundle({ stdin: { contents, resolveDir: join(home, 'src'), loader: 'ts' }, format: 'iife', minify: true })
  return gzipSync((await squeeze(file!.text)).code!, { level: 9 }).length
}

// The aim is 6 KiB for the core and 12 KiB for all; what the client does takes more. These keep it from growing
// unnoticed: lower them with each byte won, raise them only for something that a user asked for.
test('the parts of the script grow only on purpose', async () => {
  covers('PERF-07')
  const core = await weigh("import { createKeyturn } from './keyturn'; window.k = createKeyturn")
  const paths = await weigh("import { createKeyturn } from './keyturn'; import { installFetch, installXhr } from './fetch'; window.k = [createKeyturn, installFetch, installXhr]")
  const tools = await weigh("import { createKeyturn } from './keyturn'; import { createManager, expose, installCompat } from './devtools'; window.k = [createKeyturn, createManager, expose, installCompat]")
  const notice = await weigh("import { mountNotice } from './notice'; window.k = mountNotice")
  const all = gzipSync(script, { level: 9 }).length
  console.log(`gzip: core ${core}, + patches ${paths - core}, + console ${tools - core}, notice alone ${notice}; the tag's script ${all}`)
  expect(core).toBeLessThanOrEqual(16_372)
  expect(all).toBeLessThanOrEqual(30_731)
})

test('the script is one plain, silent file: no import, no source, no code from text, no helper for testers', () => {
  covers('API-18')
  expect(script).toMatch(/^"use strict";\(\(\)=>\{/)
  for (const never of ['sourceMappingURL', 'import(', 'require(', 'eval(', 'innerHTML', 'document.write', 'keyturnDev', 'rehearse', 'authError']) {
    expect(script).not.toContain(never)
  }
  for (const name of files(join(home, 'dist')).filter((file) => file.endsWith('.js') && !file.includes('.dev.'))) {
    expect(readFileSync(join(home, 'dist', name), 'utf8'), name).not.toMatch(/keyturnDev|rehearse/)
  }
  expect(readFileSync(join(home, 'dist/keyturn.dev.js'), 'utf8')).toContain('keyturnDev')
})

test('the script says the version of its package', () => {
  expect(version).toBe(JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')).version)
  expect(script).toContain(version)
})
