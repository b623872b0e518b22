import type { Environment } from './environment';
/**
 * A random name of this browser, the same in all its tabs. It decides the place in the refresh window and never
 * leaves the browser. Without storage each tab has its own, which costs nothing but a second place.
 */
export declare function browserId(env: Environment): string;
