import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Time in the tests is virtual; this one is real, and only for a machine that is busy with something else.
  test: { include: ['test/**/*.test.ts'], testTimeout: 600_000 },
})
