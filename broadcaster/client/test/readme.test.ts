import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { defaults } from '../src/settings'
import { covers } from './covers'

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8')
const readme = read('README.md')

/** The rows of the table with this heading: cells without their marks of code. */
function table(heading: string): string[][] {
  const lines = readme.split('\n')
  const first = lines.findIndex((line) => line.startsWith(`| ${heading} |`))
  expect(first, `a table of each ${heading}`).toBeGreaterThan(0)
  const end = lines.findIndex((line, at) => at > first && !line.startsWith('|'))
  return lines.slice(first + 2, end).map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | ?\|$/g, '').trim()))
}
const named = (heading: string): string[] => table(heading).map(([name]) => name!.replaceAll('`', ''))

test('each attribute of the tag is in the table, and no other', () => {
  const [, list] = /const \{([^}]*)\} = tag\.dataset/.exec(read('src/tag.ts'))!
  const known = list!.split(',').map((name) => `data-${name.split(':')[0]!.trim().replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`)
  expect(named('attribute').sort()).toEqual(known.sort())
})

test('each option is in the table, and no other', () => {
  const [, body] = /export interface Options \{(.*?)\n\}/s.exec(read('src/keyturn.ts'))!
  expect(named('option')).toEqual([...body!.matchAll(/readonly (\w+)\?:/g)].map(([, name]) => name))
})

test('each setting is in the table, with its default', () => {
  const rows = table('setting').map((cells) => [cells[0], cells.at(-1)])
  expect(rows).toEqual(Object.entries(defaults).map(([name, value]) => [`\`${name}\``, `\`${JSON.stringify(value)}\``]))
})

test('each entry of the package is in the table', () => {
  const entries = Object.keys(JSON.parse(read('package.json')).exports).filter((entry) => !/\.js(on)?$/.test(entry))
  expect(named('entry').sort()).toEqual(entries.sort())
})

test('each event is named', () => {
  const [, body] = /export interface KeyturnEvents \{(.*?)\n\}/s.exec(read('src/events.ts'))!
  const row = table('member').find(([name]) => name!.startsWith('`on('))![1]!
  for (const [, name] of body!.matchAll(/readonly (\w+): (?:State|\{|Refresh|Episode)/g)) expect(row).toContain(`\`${name}\``)
})

test.each(['docs/user-guide.md', 'docs/troubleshooting.md'])('%s has tokens read offline, and sends nobody elsewhere with one', (page) => {
  covers('SEC-08')
  const text = read(page)
  expect(text).toMatch(/never paste a token into a web site/)
  expect(text).toMatch(/decodeToken\(\)|keyturn decode/)
  expect(text).not.toMatch(/jwt\.io|jwt\.ms/)
})
