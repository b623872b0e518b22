import type { Settings } from './settings'

/** The settings as they may be shown: functions are given as whether there is one. */
export type Config = { readonly [K in keyof Settings]: Exclude<Settings[K], ((...args: any) => any) | null> extends never ? boolean : Settings[K] }

/** A copy of the settings to show. */
export function shown(settings: Settings): Config {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) =>
    [name, /^(getToken|refresh|analytics|onBeforeRedirect)$/.test(name) ? !!value : structuredClone(value)])) as unknown as Config
}
