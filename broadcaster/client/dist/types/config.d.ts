import type { Settings } from './settings.js';
/** The settings as they may be shown: functions are given as whether there is one. */
export type Config = {
    readonly [K in keyof Settings]: Exclude<Settings[K], ((...args: any) => any) | null> extends never ? boolean : Settings[K];
};
/** A copy of the settings to show. */
export declare function shown(settings: Settings): Config;
