import type { Environment } from './environment';
/** Cancels what it was returned for; again is harmless. */
export type Cancel = () => void;
/** Calls job once after ms milliseconds, however many they are. */
export declare function after(env: Environment, ms: number, job: () => void): Cancel;
/** Resolves after ms milliseconds; rejects with the signal's reason when that comes first. */
export declare function pause(env: Environment, ms: number, signal: AbortSignal): Promise<void>;
/** The outcome of work, or the signal's reason if that comes first; work itself goes on. */
export declare function until<T>(signal: AbortSignal | null | undefined, work: Promise<T>): Promise<T>;
/** Runs work under a signal that aborts after ms milliseconds, or with the outer one. */
export declare function within<T>(env: Environment, ms: number, outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
/** A delay of full jitter: anywhere below the exponentially growing, capped limit. Milliseconds. */
export declare function jittered(roll: number, attempt: number, base?: number, cap?: number): number;
