/**
 * Time as the client needs it: how much of it has passed. The wall clock alone may be wrong by minutes or be
 * set back; the page's own clock may stand still while the machine sleeps. Elapsed time takes, of each step,
 * the larger of the two advances, so that neither a wrong clock nor a sleep makes a token look younger.
 */
export interface Clock {
    /** Milliseconds since the clock was made; never decreases, counts sleep. */
    now(): number;
    /** Unix milliseconds as this machine has them; right between the tabs of one machine only. */
    wall(): number;
}
/** Builds a clock on a wall clock and a monotonic one, both in milliseconds. */
export declare function createClock(wall: () => number, mono: () => number): Clock;
