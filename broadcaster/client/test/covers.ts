import { TestRunner } from 'vitest'
import { bind } from '../../../test/requirements/covers.mjs'

/**
 * Says that the running test proves these requirements (IDs of test/requirements.json, at most three a test; in a
 * table one a row). Call it first in the test. An unknown ID throws.
 */
export function covers(...ids: string[]): void {
  bind(TestRunner.getCurrentTest(), ids)
}
