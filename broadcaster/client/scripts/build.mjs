// Builds dist/: the script for the tag, its dev form, the modules of the package, their types. The same sources give
// the same bytes; with a directory as argument the build goes there, so that a test can compare.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { minify } from 'terser'

const home = join(dirname(fileURLToPath(import.meta.url)), '..')

/** key: an entry below adapters/; value: its source. The libraries are imported for their types only. */
const adapters = Object.fromEntries(['any', 'auth0-spa', 'keycloak-js', 'msal', 'oidc-client-ts'].map((name) => [`adapters/${name}`, `src/adapters/${name}.ts`]))

/** Bundles these entries; options are esbuild's. Returns its output files. */
export const bundle = async (options) => (await build({
  absWorkingDir: home,
  outdir: 'dist', // source maps are relative to it, wherever the build goes
  write: false,
  bundle: true,
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  ...options,
})).outputFiles

/** What a second minifier still finds; it saves 4 % of the compressed size. */
export const squeeze = (code, map) => minify(code, {
  ecma: 2020,
  toplevel: true,
  compress: { passes: 2, ecma: 2020, lhs_constants: false, unsafe_arrows: true, unsafe_methods: true, keep_fargs: false },
  format: { ecma: 2020, comments: false },
  ...(map && { sourceMap: { content: map } }),
})

/** The script for the tag, and its source map. */
export const script = async (entry) => {
  const files = await bundle({ entryPoints: [entry], format: 'iife', minify: true, sourcemap: 'external', sourcesContent: false })
  const text = (end) => files.find(({ path }) => path.endsWith(end)).text
  return squeeze(text('.js'), text('.map'))
}

async function main(last) {
  // Put in place as a whole: a build that fails leaves the last good one.
  const out = `${last}.new`
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })

  const { code, map } = await script('src/auto.ts')
  writeFileSync(join(out, 'keyturn.js'), code)
  writeFileSync(join(out, 'keyturn.js.map'), map)

  const [dev] = await bundle({ entryPoints: ['src/dev.ts'], format: 'iife' })
  writeFileSync(join(out, 'keyturn.dev.js'), dev.contents)

  // What several modules need is in files of its own, so that all of them mean the same thing by it.
  const modules = await bundle({
    entryPoints: { index: 'src/index.ts', fetch: 'src/fetch.ts', axios: 'src/axios.ts', notice: 'src/notice/index.ts', devtools: 'src/devtools.ts', auto: 'src/auto.ts', callback: 'src/callback.ts', react: 'src/react.ts', ...adapters },
    chunkNames: 'shared-[hash]',
    format: 'esm',
    splitting: true,
    external: ['react', 'axios'],
  })
  mkdirSync(join(out, 'adapters'))
  for (const { path, contents } of modules) writeFileSync(join(out, relative(join(home, 'dist'), path)), contents)

  const types = join(out, 'types')
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
  execFileSync(process.execPath, [tsc, '-p', join(home, 'tsconfig.build.json'), '--outDir', types], { stdio: 'inherit' })
  // Sources name a module without its ending; Node.js wants it whole, in types too.
  for (const name of readdirSync(types, { recursive: true })) {
    const path = join(types, name)
    if (!name.endsWith('.d.ts')) continue
    const whole = (_, before, to, after) => {
      const file = existsSync(join(dirname(path), `${to}.d.ts`)) ? `${to}.js` : `${to}/index.js`
      return before + file + after
    }
    writeFileSync(path, readFileSync(path, 'utf8').replace(/((?:from |import\()['"])(\.[^'"]*)(['"])/g, whole))
  }
  rmSync(last, { recursive: true, force: true })
  renameSync(out, last)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(resolve(process.argv[2] ?? join(home, 'dist')))
