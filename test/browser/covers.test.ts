import { expect, test } from 'vitest'
import { bind } from '../requirements/covers.mjs'
import { covers } from './covers.js'

test('a test is bound to the IDs it names, by its meta', ({ task }) => {
  covers('FUT-5')
  expect(task.meta).toMatchObject({ covers: ['FUT-5'] })
})

for (const [why, ids] of Object.entries({
  'an unknown ID': ['NONE-1'],
  'no ID': [],
  'more than three': ['DET-01', 'DET-02', 'DET-03', 'DET-04'],
})) {
  test(`${why} throws`, () => {
    expect(() => { bind({ meta: {}, name: 'a test' }, ids) }).toThrow()
  })
}

test('outside of a test there is nothing to bind', () => {
  expect(() => { bind(undefined, ['DET-01']) }).toThrow(/within a test/)
})
