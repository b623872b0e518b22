import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { covers } from './covers'

const home = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
const npm = (...args: string[]): string => execFileSync('npm', args, { cwd: home, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

/** An app that has the package as npm would have put it there. */
let app: string
let packed: string[]

beforeAll(() => {
  app = mkdtempSync(join(tmpdir(), 'keyturn-app-'))
  const [{ filename, files }] = JSON.parse(npm('pack', '--json', '--pack-destination', app))
  packed = files.map((file: { path: string }) => file.path)
  const at = join(app, 'node_modules/@keyturn/client')
  mkdirSync(at, { recursive: true })
  execFileSync('tar', ['-xzf', join(app, filename), '-C', at, '--strip-components=1'])
  const libraries = ['oidc-client-ts', 'keycloak-js', '@auth0/auth0-spa-js', '@azure/msal-browser', '@azure/msal-common']
  for (const name of ['react', 'axios', '@types/react', 'csstype', ...libraries]) {
    mkdirSync(dirname(join(app, 'node_modules', name)), { recursive: true })
    symlinkSync(join(home, 'node_modules', name), join(app, 'node_modules', name))
  }
}, 600_000)
afterAll(() => rmSync(app, { recursive: true }))

describe('the package', () => {
  test('needs nothing at run time', () => {
    expect(manifest.dependencies).toBe(undefined)
    expect(Object.keys(manifest.peerDependencies)).toEqual(Object.keys(manifest.peerDependenciesMeta))
    for (const { optional } of Object.values<{ optional: boolean }>(manifest.peerDependenciesMeta)) expect(optional).toBe(true)
  })

  test('holds the build, its types, and what a package must; no source, no test, no map to them', () => {
    const odd = packed.filter((path) => !/^(dist\/(adapters\/)?[\w.-]+\.js|dist\/types\/[\w./-]+\.d\.ts|docs\/[\w-]+\.md|README\.md|LICENSE|package\.json)$/.test(path))
    expect(odd).toEqual(['dist/keyturn.js.map'])
    expect(packed).toEqual(expect.arrayContaining(['README.md', 'docs/user-guide.md', 'dist/index.js', 'dist/keyturn.js', 'dist/types/index.d.ts']))
  })

  test('is well-formed by publint', async () => {
    const { messages } = await publint({ pkgDir: home, strict: true, pack: 'npm' })
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([])
  })

  const entries = Object.keys(manifest.exports).filter((entry) => !entry.endsWith('.js') && !entry.endsWith('.json'))
  test('has each entry that it promises', () => {
    const adapters = ['any', 'auth0-spa', 'keycloak-js', 'msal', 'oidc-client-ts'].map((name) => `./adapters/${name}`)
    expect(entries).toEqual(['.', './fetch', './axios', './notice', './devtools', './auto', './callback', './react', ...adapters])
  })

  const uses = `
import axios from 'axios'
import { createKeyturn, installFetch, installXhr, KeyturnError, type Keyturn, type Settings } from '@keyturn/client'
import { installFetch as same } from '@keyturn/client/fetch'
import { installAxios } from '@keyturn/client/axios'
import { mountNotice } from '@keyturn/client/notice'
import { createManager, expose, type Manager } from '@keyturn/client/devtools'
import { KeyturnProvider, useKeyturn, useKeyturnStatus } from '@keyturn/client/react'

import { fromFunction } from '@keyturn/client/adapters/any'
import { fromAuth0 } from '@keyturn/client/adapters/auth0-spa'
import { fromKeycloak } from '@keyturn/client/adapters/keycloak-js'
import { fromMsal } from '@keyturn/client/adapters/msal'
import { fromOidcClientTs } from '@keyturn/client/adapters/oidc-client-ts'
import type { Auth0Client } from '@auth0/auth0-spa-js'
import type { PublicClientApplication } from '@azure/msal-browser'
import type Keycloak from 'keycloak-js'
import type { UserManager } from 'oidc-client-ts'

const keyturn: Keyturn = createKeyturn({ origins: 'self', settings: { refreshDelayMs: 0 } })
const manager: Manager = createManager(keyturn)
expose(manager, 'readonly')
mountNotice(manager, { placement: 'top-end' })
export const undo: (() => void)[] = [installFetch(keyturn), installXhr(keyturn), installAxios(keyturn, axios.create())]
export const kid: string | null = useKeyturnStatus((status) => status.kid)
export const all = [KeyturnProvider, useKeyturn, same, KeyturnError]
export type On403 = Settings['refreshOn403']
export function sources(manager: UserManager, keycloak: Keycloak, auth0: Auth0Client, app: PublicClientApplication): void {
  keyturn.configure(fromOidcClientTs(manager))
  keyturn.configure(fromKeycloak(keycloak))
  keyturn.configure(fromAuth0(auth0, { authorizationParams: { audience: 'payments' } }))
  keyturn.configure(fromMsal(app, { scopes: ['api://payments/use'] }))
  keyturn.configure(fromFunction(async ({ fresh }) => (fresh ? { token: 'a.b.c', expiresIn: 300 } : null)))
  // @ts-expect-error a refresh is always forced: it is not the app's to say
  fromMsal(app, { scopes: [], forceRefresh: false })
}
// @ts-expect-error what is no setting is none for the compiler either
keyturn.configure({ refreshDelay: 1 })
// @ts-expect-error a status is a status, not whatever
export const wrong: number = useKeyturnStatus((status) => status.kid)
`

  test.each([['node16', 'Node16'], ['nodenext', 'NodeNext'], ['bundler', 'ESNext']])('has types that TypeScript finds with module resolution %s', (moduleResolution, module) => {
    covers('PERF-07')
    writeFileSync(join(app, 'package.json'), '{"type":"module"}')
    writeFileSync(join(app, 'app.ts'), uses)
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({
      compilerOptions: { module, moduleResolution, target: 'ES2022', lib: ['ES2023', 'DOM', 'DOM.Iterable'], strict: true, noEmit: true, types: [], skipLibCheck: false },
      files: ['app.ts', ...['notice/index', 'react', 'axios', 'devtools', 'adapters/msal', 'adapters/oidc-client-ts'].map((name) => `node_modules/@keyturn/client/dist/types/${name}.d.ts`)],
    }))
    const tsc = join(home, 'node_modules/typescript/bin/tsc')
    let said = ''
    try {
      execFileSync(process.execPath, [tsc, '-p', app, '--preserveSymlinks'], { encoding: 'utf8', stdio: 'pipe' })
    } catch (error) {
      said = (error as { stdout: string }).stdout
    }
    expect(said.split('\n').filter((line) => /app\.ts|@keyturn/.test(line))).toEqual([])
  })

  test('has modules that Node.js finds, that do nothing on import, and that share what they have in common', () => {
    const script = `
      const entries = ${JSON.stringify(entries.filter((entry) => entry !== './auto').map((entry) => entry.replace('.', '@keyturn/client')))}
      const before = Object.keys(globalThis).length
      const [root, fetch] = await Promise.all(entries.map((entry) => import(entry)))
      console.log(JSON.stringify([Object.keys(globalThis).length - before, root.installFetch === fetch.installFetch, typeof root.createKeyturn]))`
    writeFileSync(join(app, 'run.mjs'), script)
    expect(JSON.parse(execFileSync(process.execPath, [join(app, 'run.mjs')], { encoding: 'utf8' }))).toEqual([0, true, 'function'])
  })

  test('leaves out of a bundle what an app does not use', () => {
    writeFileSync(join(app, 'core.js'), "import { createKeyturn } from '@keyturn/client'\nglobalThis.k = createKeyturn()\n")
    const esbuild = join(home, 'node_modules/esbuild/bin/esbuild')
    const bundled = execFileSync(esbuild, [join(app, 'core.js'), '--bundle', '--format=esm'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    expect(bundled).toContain('createKeyturn')
    for (const unused of ['XMLHttpRequest', 'keyturn-notice', 'decodeToken', 'useSyncExternalStore']) expect(bundled).not.toContain(unused)
  })
})
