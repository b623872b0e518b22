// Builds dist/: the script for the tag, the library, its types. The same sources give the same bytes; with a
// directory as argument the build goes there, so that a test can compare.
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const home = join(dirname(fileURLToPath(import.meta.url)), '..')
const out = resolve(process.argv[2] ?? join(home, 'dist'))
rmSync(out, { recursive: true, force: true })

const common = {
  absWorkingDir: home,
  bundle: true,
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  sourcemap: 'external',
  sourcesContent: false,
}

await build({ ...common, entryPoints: ['src/auto.ts'], format: 'iife', minify: true, outfile: join(out, 'keyturn.js') })
await build({ ...common, entryPoints: ['src/index.ts'], format: 'esm', outfile: join(out, 'index.js') })

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
execFileSync(process.execPath, [
  tsc, '-p', join(home, 'tsconfig.build.json'), '--outDir', join(out, 'types'),
], { stdio: 'inherit' })
