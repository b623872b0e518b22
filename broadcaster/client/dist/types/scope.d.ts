/**
 * The part of a window that the client uses. Everything reaches the browser through one of these, so that a test
 * can be eight tabs of one browser in virtual time.
 */
export interface Scope {
    readonly fetch: typeof globalThis.fetch;
    readonly setTimeout: (job: () => void, ms: number) => unknown;
    readonly clearTimeout: (id: any) => void;
    readonly Date: {
        now(): number;
    };
    readonly performance: {
        now(): number;
    };
    readonly Math: {
        random(): number;
    };
    /** Throws when the address is refused. */
    readonly WebSocket: new (url: string, protocols: string[]) => SocketLike;
    /** Missing in old browsers; throws for an opaque origin. */
    readonly BroadcastChannel?: new (name: string) => ChannelLike;
    /** `locks` is missing outside secure contexts. */
    readonly navigator: {
        readonly onLine: boolean;
        readonly locks?: LocksLike | undefined;
    };
    /** Both storages throw where the user switched them off. */
    readonly localStorage: StorageLike;
    readonly sessionStorage: StorageLike;
    readonly document: Target & {
        readonly visibilityState: string;
        readonly baseURI: string;
        cookie?: string;
        readonly createElement?: (name: 'iframe') => FrameLike;
        readonly body?: Container | null;
        readonly documentElement?: Container;
    };
    /** Needed for sign-in only. */
    readonly location?: LocationLike;
    readonly history?: {
        readonly state: unknown;
        replaceState(state: unknown, unused: string, url: string): void;
    };
    /** Another window than self where the page is in a frame. */
    readonly top?: unknown;
    readonly self?: unknown;
    /** Stops a navigation that is under way. */
    readonly stop?: () => void;
    readonly addEventListener: Target['addEventListener'];
    readonly console: Pick<Console, 'info' | 'warn' | 'debug'>;
}
export interface Target {
    addEventListener(name: string, job: (event: any) => void, options?: {
        signal?: AbortSignal;
        once?: boolean;
    }): void;
}
export interface LocationLike {
    readonly origin: string;
    readonly pathname: string;
    readonly search: string;
    readonly hash: string;
    assign(url: string): void;
    replace(url: string): void;
}
/** A frame within the page. */
export interface FrameLike {
    readonly contentWindow: object | null;
    readonly style: {
        cssText: string;
    };
    onload: ((event: any) => void) | null;
    remove(): void;
}
interface Container {
    append(frame: any): void;
}
export interface SocketLike {
    onopen: ((event: any) => void) | null;
    onmessage: ((event: any) => void) | null;
    onclose: ((event: any) => void) | null;
    send(data: string): void;
    close(code?: number): void;
}
export interface LocksLike {
    request<T>(name: string, options: LockOptions, job: (lock: object | null) => T | Promise<T>): Promise<T>;
}
export interface LockOptions {
    ifAvailable?: boolean;
    steal?: boolean;
    signal?: AbortSignal;
}
export interface ChannelLike {
    onmessage: ((event: any) => void) | null;
    postMessage(message: unknown): void;
}
export interface StorageLike {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
    removeItem(key: string): void;
}
export {};
