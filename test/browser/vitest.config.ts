import { defineConfig } from 'vitest/config'

// One real daemon and one real browser a file, which mostly wait: two files at a time, and no more, so that
// a slow machine doesn't turn a rotation into a race for the processor.
export default defineConfig({
  test: {
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    allowOnly: false,
    passWithNoTests: false,
    // The provider asks for a newer Node at each start; it works with this one, and what else it says is shown.
    onConsoleLog: (log) => !log.includes('oidc-provider WARNING: Unsupported runtime'),
  },
})
