// A vitest reporter that writes what covers() bound, with each test's outcome, as lines of JSON to
// $TEST_OUTCOMES/<suite>.jsonl. The suite is the name of the project's folder. Without that variable it does nothing.
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const outcomes = { passed: 'pass', failed: 'fail', skipped: 'skip', pending: 'skip' }

export default class {
  #path
  #suite

  onInit(vitest) {
    const folder = process.env.TEST_OUTCOMES
    if (!folder) return
    this.#suite = basename(vitest.config.root)
    this.#path = join(folder, `${this.#suite}.jsonl`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(this.#path, '')
  }

  onTestCaseResult(test) {
    const ids = test.meta().covers
    if (!this.#path || !ids) return
    appendFileSync(this.#path, JSON.stringify({
      suite: this.#suite,
      file: relative(repository, test.module.moduleId).replaceAll('\\', '/'),
      test: test.fullName,
      ids,
      outcome: outcomes[test.result().state],
    }) + '\n')
  }
}
