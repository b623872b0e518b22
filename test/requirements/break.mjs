// Breaks the code of requirements that passed, one at a time, and wants their tests red: a test that stays green over
// broken code proves nothing. The report chooses the requirements; mutations.json says how the code of each is broken.
//
//	node test/requirements/break.mjs [-n 20] [--outcomes bin/requirements] [--only ID]
//
// It works in a copy of the repository, runs the units that are bound to a requirement, then, while those are green, the
// flows in Chromium, and prints one line each. Exit code 1: a test stayed green, or a mutation no longer fits.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: { n: { type: 'string', default: '20', short: 'n' }, outcomes: { type: 'string', default: join(root, 'bin/requirements') }, only: { type: 'string' } },
})
const folder = resolve(values.outcomes)
const mutations = JSON.parse(readFileSync(new URL('mutations.json', import.meta.url), 'utf8'))
const outcomes = readdirSync(folder).filter((f) => f.endsWith('.jsonl'))
  .flatMap((f) => readFileSync(join(folder, f), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)))
const chosen = values.only ? [values.only]
  : execFileSync('go', ['run', './test/requirements', '-outcomes', folder, '-choose', values.n], { cwd: root, encoding: 'utf8' }).trim().split('\n')

const copy = mkdtempSync(join(tmpdir(), 'keyturn-break-'))
const modules = ['broadcaster/client/node_modules', 'test/browser/node_modules']
const skipped = new Set([...modules, '.git', 'bin'].map((p) => join(root, p)))
let green = 0
try {
  cpSync(root, copy, { recursive: true, filter: (from) => !skipped.has(from) })
  for (const m of modules) symlinkSync(join(root, m), join(copy, m))
  for (const id of chosen) {
    const verdict = broken(id)
    console.log(`${id}: ${verdict}`)
    if (!verdict.startsWith('red')) green++
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
process.exitCode = green ? 1 : 0

/** Breaks a requirement in each of the ways that are listed for it. */
function broken(id) {
  if (!mutations[id]) return 'no mutation: add one to test/requirements/mutations.json'
  const verdicts = [mutations[id]].flat().map((mutation) => brokenBy(id, mutation))
  return verdicts.find((v) => !v.startsWith('red')) ?? verdicts.join('; ')
}

/** Breaks one place, runs the tests, mends it again. */
function brokenBy(id, mutation) {
  const path = join(copy, mutation.file)
  const before = readFileSync(path, 'utf8')
  if (before.split(mutation.search).length !== 2) return `"${mutation.search}" is not once in ${mutation.file}: renew the mutation`
  // Units first: most need no browser to turn red.
  const tests = outcomes.filter((o) => o.ids.includes(id) && o.outcome === 'pass')
  tests.sort((a, b) => (a.suite === 'browser') - (b.suite === 'browser'))
  writeFileSync(path, before.replace(mutation.search, () => mutation.replace))
  try {
    for (const [file, bound] of grouped(tests)) {
      const red = run(file, bound)
      if (red) return `red: ${red} (${mutation.file}: ${mutation.replace.trim() || 'left out'})`
    }
    return `GREEN over broken ${mutation.file}`
  } finally {
    writeFileSync(path, before)
  }
}

/** key: file; value: its tests. */
function grouped(tests) {
  const map = new Map()
  for (const t of tests) map.set(t.file, [...(map.get(t.file) ?? []), t])
  return map
}

/** Runs the bound tests of one file; returns which were red, or ''. */
function run(file, tests) {
  const names = tests.map((t) => t.test)
  if (file.endsWith('.go')) {
    const tops = [...new Set(names.map((n) => n.split('/')[0]))]
    const { status, stdout } = spawnSync('go', ['test', '-count=1', '-run', `^(${tops.join('|')})$`, `./${dirname(file)}`], { cwd: copy, encoding: 'utf8' })
    return status !== 0 && stdout.includes('--- FAIL') ? tops.join(', ') : ''
  }
  if (file.startsWith('test/browser/')) execFileSync('sh', ['-c', '(cd broadcaster/client && npm run --silent build) && go build -o bin/keyturn ./cmd/keyturn'], { cwd: copy, stdio: 'ignore' })
  const project = join(copy, file.startsWith('test/browser/') ? 'test/browser' : 'broadcaster/client')
  const pattern = names.map((n) => n.split(' > ').join(' ').replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')
  const { stdout } = spawnSync('node_modules/.bin/vitest', ['run', join(copy, file), '-t', pattern, '--reporter=json'], { cwd: project, encoding: 'utf8', maxBuffer: 1 << 26 })
  const result = JSON.parse(stdout.slice(stdout.indexOf('{')))
  const failed = result.testResults.flatMap((f) => f.assertionResults).filter((a) => a.status === 'failed')
  return failed[0] ? failed[0].title : ''
}
