import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { covers } from '../covers'

const home = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(home, 'docs/adapters.md'), 'utf8')
const libraries = ['oidc-client-ts', 'keycloak-js', '@auth0/auth0-spa-js', '@azure/msal-browser', '@azure/msal-common']

/** The page's blocks of TypeScript, by the line that they begin on. */
function blocks(): Map<number, string> {
  const found = new Map<number, string>()
  for (const { index, 1: text } of page.matchAll(/^```ts\n(.*?)^```$/gms)) found.set(page.slice(0, index).split('\n').length + 1, text!)
  return found
}

/** What the compiler says of files, each by itself, against the real libraries and these sources. */
function check(files: Record<string, string>): string[] {
  const app = mkdtempSync(join(tmpdir(), 'keyturn-docs-'))
  try {
    for (const name of libraries) {
      mkdirSync(dirname(join(app, 'node_modules', name)), { recursive: true })
      symlinkSync(join(home, 'node_modules', name), join(app, 'node_modules', name))
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(app, name), text)
    writeFileSync(join(app, 'package.json'), '{"type":"module"}')
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({
      extends: join(home, 'tsconfig.json'),
      compilerOptions: { types: [], paths: { '@keyturn/client': [join(home, 'src/index.ts')], '@keyturn/client/*': [join(home, 'src/*.ts')] } },
      include: [], files: Object.keys(files),
    }))
    execFileSync(process.execPath, [join(home, 'node_modules/typescript/bin/tsc'), '-p', app], { cwd: app, encoding: 'utf8', stdio: 'pipe' })
    return []
  } catch (error) {
    return (error as { stdout: string }).stdout.split('\n').filter((line) => Object.keys(files).some((name) => line.startsWith(name)))
  } finally {
    rmSync(app, { recursive: true })
  }
}

test('each block of the page compiles against the real library', () => {
  covers('API-15')
  const all = blocks()
  const [first] = all.keys()
  const name = (line: number): string => (line === first ? 'keyturn.ts' : `line-${line}.ts`)
  expect([...all.values()].filter((text) => text.includes('/adapters/')).length, 'one for each adapter').toBe(5)
  const files = Object.fromEntries([...all].map(([line, text]) => [name(line), text]))
  // The last one shows that the gate sees what no library has.
  const said = check({ ...files, 'wrong.ts': Object.values(files).find((text) => text.includes('fromMsal('))!.replace('scopes:', 'scope:') })
  expect(said.filter((line) => !line.startsWith('wrong.ts'))).toEqual([])
  expect(said.join('\n')).toMatch(/^wrong\.ts.*scope/)
})

test('each error that the page explains is one that the sources have, and the versions are those tested', () => {
  const sources = ['adapter', 'any', 'auth0-spa', 'keycloak-js', 'msal', 'oidc-client-ts'].map((name) => readFileSync(join(home, `src/adapters/${name}.ts`), 'utf8')).join('\n')
  const rows = page.slice(page.indexOf('| it says |')).split('\n').filter((line) => line.startsWith('| `'))
  const texts = rows.flatMap((row) => [...row.split(' | ')[0]!.matchAll(/`([^`]+)`/g)].map(([, text]) => text!))
  expect(texts.length).toBe(8)
  for (const text of texts) for (const part of text.split(/ ?\(…\)/)) expect(sources, part).toContain(part.replace(/^, /, ', '))
  const { devDependencies } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> }
  for (const name of libraries.slice(0, 4)) expect(page).toContain(`${name} ${devDependencies[name]!.split('.').slice(0, 2).join('.')}`)
})
