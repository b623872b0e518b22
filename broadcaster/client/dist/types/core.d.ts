import type { Scope } from './scope.js';
/** What every part of the client stands on: time, waiting, storage, chance. */
export interface Core {
    readonly scope: Scope;
    /**
     * Elapsed milliseconds, never decreasing. The wall clock may be wrong or set back, and the page's own clock may
     * stand still while the machine sleeps: what the wall clock gains on it counts as well, so that neither makes a
     * token look younger than it is.
     */
    now(): number;
    /** Unix milliseconds as this machine has them; right between the tabs of one machine only. */
    wall(): number;
    /** Calls job once after ms milliseconds, however many they are; returns what cancels it. */
    after(ms: number, job: () => void): () => void;
    /** Resolves after ms milliseconds, or rejects with the signal's reason. */
    pause(ms: number, signal?: AbortSignal | null): Promise<void>;
    /** Runs work under a signal that also aborts after ms milliseconds. */
    within<T>(ms: number, outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
    /** An item of a storage; '' when there is none, or what this page last wrote where storage is switched off. */
    read(area: Area, key: string): string;
    /** Stores an item, or removes it when value is ''; false when the storage did not take it. */
    write(area: Area, key: string, value: string): boolean;
    /** A random number in [0, 1). */
    roll(): number;
}
export type Area = 'localStorage' | 'sessionStorage';
export declare function createCore(scope: Scope): Core;
/** The outcome of work, or the signal's reason if that comes first; work itself goes on. */
export declare function until<T>(signal: AbortSignal | null | undefined, work: Promise<T>): Promise<T>;
/** A delay of full jitter: anywhere below the exponentially growing, capped limit. Milliseconds. */
export declare function jittered(roll: number, attempt: number, base?: number): number;
