import type { Core } from './core.js';
import type { Claims } from './jwt.js';
/** A token as somebody gave it: the refresh endpoint, the app, or a sibling tab. */
export interface Answer {
    /** '' for one in a cookie that no script can read: requests carry it by themselves. */
    readonly token: string;
    /** Of a token in a cookie: its payload, and its length. */
    readonly says?: object | undefined;
    readonly length?: number | null;
    /** Public name of the key that signed it, where told. */
    readonly key: string | null;
    readonly kid: string | null;
    /** Life left at receipt, in ms; null when nobody told. */
    readonly ttlMs: number | null;
}
/** The token in use, with what is known of it. */
export interface Held extends Answer {
    readonly claims: Claims;
    /** On the client's own clock: when it was asked for, hence never later than it was issued. */
    readonly receivedAt: number;
    /** Unix ms of this machine at the same moment; comparable between tabs. */
    readonly wallAt: number;
    /** How long before its end a token is replaced: five minutes, or half the life it had left, if that is less. */
    readonly leadMs: number;
    /** Counts the tokens this tab has held; a request remembers the one it carried. */
    readonly generation: number;
}
/** Who brings a token: this tab's refresh, the app's own source, or a sibling tab. */
export type Bearer = 'refresh' | 'app' | 'sibling';
/** Token in memory, nowhere else. */
export interface Vault {
    held(): Held | null;
    /** Whose token it is, or was before it was dropped; null when nobody is signed in. */
    who(): Claims | null;
    /** Changes whenever the user may have changed: logout, end of session, another subject. */
    login(): number;
    /** Life left in ms, by elapsed time; Infinity where nobody told, 0 without a token. */
    leftMs(): number;
    /**
     * Takes a token asked for at wallAt (Unix ms); null when it is not taken. One from elsewhere must be newer than
     * the one in use, and a sibling's of the same subject, and asked for after the last logout. A cookie is all tabs':
     * with a sibling's newer one the user of this tab has changed, too.
     */
    take(answer: Answer, wallAt: number, from: Bearer): Held | null;
    /** Adds what the server told of the token of a generation: its key, and the life it has left at most. */
    learn(generation: number, key: string, ttlMs: number): void;
    /** Lets go of the token; the user stays. */
    drop(): void;
    /** Forgets the token. Whatever was asked for before at (Unix ms) is refused from now on. */
    forget(at: number): void;
    /** The newest logout known, in Unix ms; grows only. 0: none. */
    forgotten(): number;
    /** True when no session is known: nobody asks again until a sign-in. */
    signedOut(): boolean;
}
/** Builds an empty vault; changed is called after each change of the token. */
export declare function createVault(core: Core, changed: (held: Held | null) => void): Vault;
