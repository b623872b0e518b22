// @vitest-environment happy-dom
import { act, createElement as h, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { afterEach, describe, expect, test } from 'vitest'
import { KeyturnProvider, useKeyturn, useKeyturnStatus } from '../src/react'
import type { Tab } from './world'
import { World } from './world'

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

let unmount = (): void => {}
afterEach(() => unmount())

/** A component on the page, under the client of a tab. */
async function show(tab: Tab, Component: () => unknown, strict = false): Promise<HTMLElement> {
  const place = document.createElement('div')
  const root = createRoot(place)
  const inner = h(KeyturnProvider, { keyturn: tab.keyturn }, h(Component as () => null))
  await act(async () => root.render(strict ? h(StrictMode, null, inner) : inner))
  unmount = () => act(() => root.unmount())
  return place
}

describe('the React hooks', () => {
  test.each([false, true])('show what is going on, and render anew when it changes (StrictMode: %s)', async (strict) => {
    const world = new World()
    const tab = world.browser().open()
    let renders = 0
    const place = await show(tab, () => {
      renders++
      const { socket, token } = useKeyturnStatus()
      return `${socket} ${token?.kid ?? 'nobody'}`
    }, strict)
    await act(() => world.run(1_000))
    expect(place.textContent).toBe('open 2026-10-a')
    const before = renders
    await act(() => world.run(200_000))
    expect(place.textContent).toBe('open 2026-10-a')
    expect(renders - before, 'no render where nothing happened but beacons').toBeLessThan(20)
    world.server.turn({ key: 'k2', kid: '2026-11-b' })
    await act(() => world.run(130_000))
    expect(place.textContent).toBe('open 2026-11-b')
  })

  test('with a selector render anew only when that changes', async () => {
    const world = new World()
    const tab = world.browser().open()
    let renders = 0
    const place = await show(tab, () => {
      renders++
      return useKeyturnStatus((status) => (status.token ? 'in' : 'out'))
    })
    await act(() => world.run(1_000))
    expect([place.textContent, renders]).toEqual(['in', 2])
    world.server.turn({ key: 'k2', kid: '2026-11-b' })
    await act(() => world.run(130_000))
    expect(renders).toBe(2)
    await act(async () => {
      void tab.keyturn.logout()
      await world.run(1_000)
    })
    expect([place.textContent, renders]).toEqual(['out', 3])
  })

  test('give the client, the same at each render', async () => {
    const world = new World()
    const tab = world.browser().open({ streamUrl: null })
    await world.run(1_000)
    const seen = new Set<unknown>()
    await show(tab, () => (seen.add(useKeyturn()), useKeyturnStatus().socket))
    const call = [...seen].map((keyturn) => (keyturn as Tab['keyturn']).fetch('https://api.example.com/reports'))
    await act(() => world.run(1_000))
    expect([seen.size, (await call[0]!).status]).toEqual([1, 200])
  })

  test('let go of a component that has gone', async () => {
    const world = new World()
    const tab = world.browser().open()
    let renders = 0
    await show(tab, () => (renders++, useKeyturnStatus().socket))
    await act(() => world.run(1_000))
    unmount()
    unmount = () => {}
    const before = renders
    world.server.turn({ key: 'k2', kid: '2026-11-b' })
    await world.run(130_000)
    expect(renders).toBe(before)
  })

  test('without a provider say what is missing', async () => {
    const root = createRoot(document.createElement('div'), { onUncaughtError: () => {} })
    let said = ''
    await act(async () => root.render(h(() => {
      try {
        useKeyturn()
      } catch (error) {
        said = (error as Error).message
      }
      return null
    })))
    expect(said).toContain('<KeyturnProvider keyturn={…}>')
  })
})
