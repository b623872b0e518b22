import { describe, expect, test } from 'vitest'
import type { ConfigStatus, Facts } from '../src/check'
import { judgeConfiguration } from '../src/check'
import type { Manager } from '../src/manager'
import { createManager } from '../src/manager'
import { covers } from './covers'
import { problem } from './server'
import type { Tab } from './world'
import { World } from './world'

const answer: ConfigStatus = {
  ring: 'payments', kid: 'b', pending: ['c'], retiring: ['a'], strong: true, match: true, verifiers: { reporting: 2, agreeing: 2 }, locked: [], version: '1',
}
const good: Facts = {
  url: 'https://app.example.com/auth/config-status', status: 200, answer, tokenKid: 'b', socket: 'open', page: 'https://app.example.com/ui/reports', basePath: '/ui/', signIn: 'off',
}

describe('the configuration', () => {
  test('that is well gets five lines and nothing else', () => {
    covers('CFG-05', 'CFG-07', 'API-14')
    expect(judgeConfiguration(good)).toEqual({
      valid: true, hasWarnings: false, issues: [], warnings: [], info: [], summary: '✅ JWT configuration is valid and ready',
      lines: ['JWT Secret Length: OK (>= 32 bytes)', 'JWT Key ID: b', 'Token kid: b (current)', 'Secret Matches: true', 'Endpoint configured: yes'],
    })
  })

  test.each<[string, string[], Partial<Facts>, 'issues' | 'warnings' | 'info', string, string]>([
    ['cannot be reached', ['CFG-10', 'CFG-07'], { status: null, answer: null }, 'issues', 'cannot be reached', 'Endpoint configured: no'],
    ['is answered by something else', ['CFG-10'], { status: 200, answer: null }, 'issues', 'not as keyturn does', 'Endpoint configured: no'],
    ['is not there', ['CFG-10'], { status: 404, answer: null }, 'issues', 'answers 404', 'Endpoint configured: no'],
    ['is kept from strangers', ['CFG-05'], { status: 401, answer: null, tokenKid: null }, 'warnings', 'nobody is signed in', 'Endpoint configured: yes'],
    ['of verifiers with another secret', ['CFG-05', 'DOC-03'], { answer: { ...answer, match: false, verifiers: { reporting: 2, agreeing: 1 } } },
      'issues', 'do not hold the same JWT secret (1 of 2 agree)', 'Secret Matches: false'],
    ['of a weak secret', ['CFG-05', 'CFG-07'], { answer: { ...answer, strong: false } }, 'warnings', 'shorter than 32 bytes, or publicly known',
      'JWT Secret Length: too short (< 32 bytes), or known'],
    ['without a current key', ['CFG-07'], { answer: { ...answer, kid: '' }, tokenKid: null }, 'issues', 'no key is current', 'JWT Key ID: none'],
    ['of a token under the previous key', ['CFG-05'], { tokenKid: 'a' }, 'info', 'previous key', 'Token kid: a (previous)'],
    ['of a token under no key of the ring', ['CFG-05'], { tokenKid: 'z' }, 'warnings', 'none of the ring', 'Token kid: z (unknown)'],
    ['of verifiers that say nothing', ['CFG-05'], { answer: { ...answer, match: false, verifiers: { reporting: 0, agreeing: 0 } } }, 'warnings', 'no verifier reports', 'Secret Matches: false'],
    ['of a connection that was refused for good', ['CFG-07'], { socket: 'stopped' }, 'warnings', 'refused the live connection', 'Endpoint configured: yes'],
    ['with another base path where people are signed in again', ['CFG-11'], { basePath: '/app/', signIn: 'auto' }, 'warnings', 'not below the base path /app/', 'Endpoint configured: yes'],
    ['with another base path', ['CFG-11'], { basePath: '/app/' }, 'info', 'not below the base path /app/', 'Endpoint configured: yes'],
  ])('that %s is told, with what to do and what comes of it', (_, ids, change, where, message, line) => {
    covers(...ids)
    const report = judgeConfiguration({ ...good, ...change })
    const finding = report[where].find((f) => f.message.includes(message))
    expect(finding).toMatchObject({ fix: expect.stringMatching(/.{8,}/), impact: expect.stringMatching(/.{4,}/) })
    expect(report.lines).toContain(line)
    expect(report.lines).toHaveLength(5)
    expect([report.valid, report.hasWarnings]).toEqual([where !== 'issues', where === 'warnings'])
  })

  test('with another base path names the redirect URI to register', () => {
    covers('CFG-11')
    const [finding] = judgeConfiguration({ ...good, basePath: '/app/' }).info
    expect(finding).toMatchObject({ fix: expect.stringContaining('https://app.example.com/app/callback'), impact: expect.stringContaining('redirect_uri mismatch') })
  })
})

describe('checkConfiguration', () => {
  const page = async (world = new World(), check = false): Promise<{ world: World; tab: Tab; manager: Manager }> => {
    const tab = world.browser().open()
    const manager = createManager(tab.keyturn, { check })
    await world.run(1_000)
    return { world, tab, manager }
  }
  const lines = (tab: Tab): string[] => tab.lines.map((l) => l.replace('🔄 ', ''))
  const after = async <T>(world: World, work: Promise<T>): Promise<T> => {
    await world.run(15_000)
    return work
  }

  test('asks the server with the token, and prints five lines', async () => {
    covers('API-14', 'CFG-05')
    const { world, tab, manager } = await page()
    let asked: Request | undefined
    world.server.statusScript = (request) => ((asked = request), null)
    const report = await after(world, manager.checkConfiguration())
    expect([asked!.method, asked!.url, asked!.cache, asked!.headers.get('authorization')])
      .toEqual(['GET', 'https://app.example.com/auth/config-status?ring=payments', 'no-store', `Bearer ${await manager.getToken()}`])
    expect(report.lines).toHaveLength(5)
    expect(lines(tab)).toEqual(expect.arrayContaining([...report.lines, '✅ JWT configuration is valid and ready']))
    expect(tab.lines.every((line) => /🔄|JWT/.test(line))).toBe(true)
  })

  test('answers for the state that is, each time anew', async () => {
    covers('CFG-08')
    const { world, manager } = await page()
    expect((await after(world, manager.checkConfiguration())).lines).toContain('JWT Key ID: 2026-10-a')
    world.server.turn({ key: 'k2', kid: '2026-11-b' })
    expect((await after(world, manager.checkConfiguration())).lines).toEqual(expect.arrayContaining(['JWT Key ID: 2026-11-b', 'Token kid: 2026-10-a (previous)']))
    world.server.config.match = false
    expect((await after(world, manager.checkConfiguration())).lines).toContain('Secret Matches: false')
  })

  test.each<[string, () => Response | Promise<Response>, string]>([
    ['no answer', () => Promise.reject(new TypeError('Failed to fetch')), 'cannot be reached'],
    ['an answer that never comes', () => new Promise(() => {}), 'cannot be reached'],
    ['a page instead', () => new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } }), 'not as keyturn does'],
    ['an answer of another shape', () => Response.json({ kid: 7, match: '<img onerror=x>' }), 'not as keyturn does'],
    ['a refusal', () => problem(503, 'not_ready'), 'answers 503'],
  ])('given %s says so, and never rejects', async (_, script, message) => {
    covers('CFG-10')
    const { world, manager } = await page()
    world.server.statusScript = script
    const report = await after(world, manager.checkConfiguration())
    expect([report.valid, report.issues[0]!.message]).toEqual([false, expect.stringContaining(message)])
  })

  test('says at the start what is wrong, once, and what would come of it', async () => {
    covers('CFG-07')
    const world = new World()
    world.server.config.strong = false
    const { tab } = await page(world, true)
    expect(lines(tab).filter((line) => line.startsWith('JWT warning'))).toEqual([
      'JWT warning: the JWT secret is shorter than 32 bytes, or publicly known. Fix: turn the key (keyturn rotate). Impact: whoever guesses it signs tokens.',
    ])
    await world.run(700_000)
    expect(tab.calls.filter((call) => call.endsWith('config-status'))).toHaveLength(1)
    const well = await page(new World(), true)
    expect(lines(well.tab)).toContain('✅ JWT configuration is valid and ready')
  })

  test('asks nobody at the start where the tokens are the app\'s own', async () => {
    covers('CFG-07')
    const world = new World()
    const token = world.server.token('alice')
    const tab = world.browser().open({ manual: true, settings: { getToken: () => token } })
    createManager(tab.keyturn)
    await world.run(1_000)
    expect(tab.calls).toEqual([])
  })
})
