import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { covers } from './covers.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const task = (name: string): string => {
  const all = readFileSync(`${root}/Taskfile.yml`, 'utf8')
  return new RegExp(`\\n  ${name}:\\n[\\s\\S]*?(?=\\n\\n)`).exec(all)?.[0] ?? ''
}

test('the types of client and tests are strict, and checked before every test run', () => {
  covers('ACC-9')
  for (const [folder, name] of [['broadcaster/client', 'test:client'], ['test/browser', 'test:browser']] as const) {
    expect(JSON.parse(readFileSync(`${root}/${folder}/tsconfig.json`, 'utf8'))).toMatchObject({ compilerOptions: { strict: true } })
    expect(task(name)).toMatch(/npm run --silent typecheck[\s\S]*npm test/)
  }
})

test('linters hold the style, before every test run', () => {
  covers('ACC-10')
  expect(task('test')).toContain('task: lint')
  for (const linter of ['gofmt.sh', 'go vet', 'STATICCHECK', 'ERRCHECK']) expect(task('lint')).toContain(linter)
})

test('units, integration and flows in a real browser run by one command, and what they prove is reported', () => {
  covers('T-auto', 'FUT-5')
  for (const part of ['test:client', 'test:go', 'test:browser', 'requirements']) expect(task('test')).toContain(`task: ${part}`)
})
