/** The reader of server-sent events: bytes of whatever cut in, frames and a close code out. */
import { describe, expect, test } from 'vitest'
import { createCore } from '../src/core'
import { createEventStreams } from '../src/eventstream'
import { World } from './world'

const url = 'https://api.example.com/v1/stream?ring=payments'
const lock = `keyturn:${url}`
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A page that has opened a stream, the answer to which is up to the test. */
function scene(answer: (signal: AbortSignal) => Response | Promise<Response>, ...[token]: [token?: string | undefined]) {
  const world = new World()
  const browser = world.browser()
  const asked: { url: string; init: RequestInit }[] = []
  const heard: string[] = []
  const socket = createEventStreams(createCore(browser.tab().scope()), (async (to: string, init: RequestInit) => {
    asked.push({ url: to, init })
    return answer(init.signal!)
  }) as typeof fetch, url)(token)
  socket.onopen = () => heard.push('open')
  socket.onmessage = ({ data }) => heard.push(data.trim())
  socket.onclose = ({ code }) => heard.push(`close ${code}`)
  return { world, browser, asked, heard, socket }
}

/** What is heard of a stream of these pieces, which then ends; with its opening and its end taken off. */
async function heardOf(...pieces: (string | Uint8Array)[]): Promise<string[]> {
  const { world, heard } = scene(() => new Response(new ReadableStream({
    start(out) {
      for (const piece of pieces) out.enqueue(typeof piece === 'string' ? bytes(piece) : piece)
      out.close()
    },
  })))
  await world.run(0)
  expect([heard[0], heard.at(-1)]).toEqual(['open', 'close 1006'])
  return heard.slice(1, -1)
}

test('asks with the token or the cookie, follows nobody elsewhere, and keeps nothing', async () => {
  const ask = async (token?: string): Promise<unknown> => {
    const { world, asked } = scene(() => new Response(), token)
    await world.run(0)
    const [{ url: to, init: { headers, credentials, cache, redirect } }] = asked as [(typeof asked)[0]]
    expect([to, credentials, cache, redirect]).toEqual([url, 'include', 'no-store', 'error'])
    return headers
  }
  expect(await ask('a.b.c')).toEqual({ accept: 'text/event-stream', authorization: 'Bearer a.b.c' })
  expect(await ask('')).toEqual({ accept: 'text/event-stream' })
  expect(await ask()).toEqual({ accept: 'text/event-stream' })
})

describe('frames come out whole', () => {
  const first = '{"type":"state","kid":"Schlüssel 🔑"}'
  const second = '{"type":"drain","withinMs":1}'
  const text = `: hello\n\ndata: ${first}\n\ndata: ${second}\n\n`

  test('wherever the network cuts them, inside a character too', async () => {
    const all = bytes(text)
    expect(await heardOf(all)).toEqual([first, second])
    for (let at = 1; at < all.length; at++) expect(await heardOf(all.slice(0, at), all.slice(at)), `cut at ${at}`).toEqual([first, second])
    expect(await heardOf(...[...all].map((one) => Uint8Array.of(one))), 'byte by byte').toEqual([first, second])
  })

  test.each<[string, string]>([
    ['with line ends of the other kind', text.replaceAll('\n', '\r\n')],
    ['without the blank that may follow the colon', text.replaceAll('data: ', 'data:')],
    ['among comments, names, ids and what else there may be', `﻿:\nretry: 5\nevent: x\nid: 1\ndata: ${first}\n\n:\n: data: {}\nfoo\ndata\n\nevent: y\ndata: ${second}\n\n\n\n`],
  ])('%s', async (_, written) => {
    expect((await heardOf(written)).filter(Boolean)).toEqual([first, second])
  })

  test('or not at all: what the end cuts off is nothing', async () => {
    expect(await heardOf(`data: ${first}\n\ndata: {"type":"cl`)).toEqual([first])
  })
})

describe('the end', () => {
  const frame = 'data: {"type":"drain","withinMs":1}\n\n'

  test.each<[string, string, string]>([
    ['is told by a last event', 'data: {"type":"close","code":4401,"reason":"unauthorized"}\n\n', 'close 4401'],
    ['is told by an event without a number', 'data: {"type":"close","code":"x"}\n\n', 'close 1006'],
    ['is told by an event without a code', 'data: {"type":"close"}\n\n', 'close 1006'],
    ['comes untold', '', 'close 1006'],
    ['comes with an event that is too long', `data: ${'x'.repeat(131_072)}\n\n`, 'close 1006'],
    ['comes with an event that does not end', `data: ${'x'.repeat(131_072)}`, 'close 1006'],
  ])('%s', async (_, last, told) => {
    let out!: ReadableStreamDefaultController
    const { world, browser, heard, asked } = scene(() => new Response(new ReadableStream({ start: (c) => void (out = c) })))
    await world.run(0)
    out.enqueue(bytes(frame))
    await world.run(0)
    expect([heard.length, browser.locks.of(lock).isHeld()]).toEqual([2, true])
    if (last) out.enqueue(bytes(last))
    else out.close()
    await world.run(0)
    expect(heard.slice(2)).toEqual([told])
    expect([asked[0]!.init.signal!.aborted, browser.locks.of(lock).isHeld()]).toEqual([true, false])
  })

  test('is heard once, and nothing after it', async () => {
    const { world, heard, socket } = scene(() => new Response(`data: {"type":"close","code":1012}\n\n${frame}data: {"type":"close","code":4400}\n\n`))
    await world.run(0)
    socket.close()
    await world.run(0)
    expect(heard).toEqual(['open', 'close 1012'])
  })

  test('a long event that is not too long is one', async () => {
    const long = `{"type":"${'x'.repeat(131_000)}"}`
    expect(await heardOf(`data: ${long}\n\n`)).toEqual([long])
  })

  test.each<[string, () => Response | Promise<Response>]>([
    ...[204, 206, 401, 403, 404, 426, 429, 500, 503].map((status): [string, () => Response] => [`status ${status}`, () => new Response(status === 204 ? null : frame, { status })]),
    ['no answer', () => Promise.reject(new TypeError('Failed to fetch'))],
    ['an answer without a body', () => ({ status: 200, body: null }) as Response],
  ])('%s is a lost connection, and the lock is free', async (name, answer) => {
    const { world, browser, heard } = scene(answer)
    await world.run(0)
    expect(heard.filter((one) => one !== 'open' || name.startsWith('status'))).toEqual(['close 1006'])
    expect(browser.locks.of(lock).isHeld()).toBe(false)
  })
})

describe('the lock', () => {
  test('is given back at once by a close, which is not heard of, and the answer is let go of', async () => {
    const { world, browser, heard, socket, asked } = scene(() => new Response(new ReadableStream({})))
    await world.run(0)
    expect(browser.locks.of(lock).isHeld()).toBe(true)
    socket.close()
    expect(asked[0]!.init.signal!.aborted).toBe(true)
    await world.run(0)
    expect([browser.locks.of(lock).isHeld(), heard]).toEqual([false, ['open']])
  })

  test('that comes after the close is given back as well', async () => {
    const { world, browser, heard, socket, asked } = scene(() => new Response())
    socket.close()
    await world.run(0)
    expect([browser.locks.of(lock).isHeld(), heard, asked]).toEqual([false, [], []])
  })

  test('is the tab’s for two streams, until the last of them is gone', async () => {
    const world = new World()
    const browser = world.browser()
    const open = createEventStreams(createCore(browser.tab().scope()), (async () => new Response(new ReadableStream({}))) as typeof fetch, url)
    const elsewhere = createEventStreams(createCore(browser.tab().scope()), (async () => new Response(new ReadableStream({}))) as typeof fetch, url)
    const heard: string[] = []
    const start = async (from: typeof open, name: string) => {
      const socket = from('t')
      socket.onopen = () => heard.push(`${name} open`)
      socket.onclose = () => heard.push(`${name} closed`)
      await world.run(0)
      return socket
    }
    const one = await start(open, 'one')
    const two = await start(open, 'two')
    await start(elsewhere, 'other')
    one.close()
    await start(elsewhere, 'other')
    two.close()
    await world.run(0)
    await start(elsewhere, 'other')
    expect(heard).toEqual(['one open', 'two open', 'other closed', 'other closed', 'other open'])
  })

  test.each<[string, (browser: ReturnType<World['browser']>) => void]>([
    ['missing', (browser) => Object.assign(browser.options, { locks: false })],
    ['refused', (browser) => (browser.locks.request = () => Promise.reject(new DOMException('no', 'SecurityError')))],
  ])('%s, there is no stream', async (_, take) => {
    const world = new World()
    const browser = world.browser()
    take(browser)
    let asked = 0
    const socket = createEventStreams(createCore(browser.tab().scope()), (async () => (asked++, new Response())) as typeof fetch, url)('t')
    const heard: number[] = []
    socket.onclose = ({ code }) => heard.push(code)
    await world.run(0)
    expect([asked, heard]).toEqual([0, [1006]])
  })
})
