import { expect } from 'vitest'
import type { BrowserOptions, Tab } from './world'
import { World } from './world'

export const second = { key: 'k2', kid: '2026-11-b' }

/** A page that is signed in and hears nothing of the server: recovery is by refused calls alone. */
export const blocked = async (world: World, options: Partial<BrowserOptions> = {}): Promise<Tab> => {
  const tab = world.browser(options).open({ streamUrl: null })
  await world.run(1_000)
  expect(tab.refreshes).toBe(1)
  return tab
}

/** The outcome of a call, after enough time. */
export const settled = async <T>(world: World, call: Promise<T>, ms = 60_000): Promise<T> => {
  let done = false
  call.then(() => (done = true), () => (done = true))
  await world.run(ms)
  expect(done, 'the call has come to an end').toBe(true)
  return call
}

export const turned = async (world: World): Promise<Tab> => {
  const tab = await blocked(world)
  world.server.turn(second, { keep: false })
  return tab
}
