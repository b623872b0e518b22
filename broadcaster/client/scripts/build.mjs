// Builds dist/: the script for the tag, the library, its types. The same sources give the same bytes; with a
// directory as argument the build goes there, so that a test can compare.
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const home = join(dirname(fileURLToPath(import.meta.url)), '..')
const out = resolve(process.argv[2] ?? join(home, 'dist'))
rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })

const bundle = async (entry, name, options) => {
  const { outputFiles } = await build({
    absWorkingDir: home,
    entryPoints: [entry],
    outfile: join('dist', name), // source maps are relative to it, wherever the build goes
    write: false,
    bundle: true,
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    sourcemap: 'external',
    sourcesContent: false,
    ...options,
  })
  for (const { path, contents } of outputFiles) writeFileSync(join(out, basename(path)), contents)
}

await bundle('src/auto.ts', 'keyturn.js', { format: 'iife', minify: true })
await bundle('src/index.ts', 'index.js', { format: 'esm' })

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
execFileSync(process.execPath, [tsc, '-p', join(home, 'tsconfig.build.json'), '--outDir', join(out, 'types')], { stdio: 'inherit' })
