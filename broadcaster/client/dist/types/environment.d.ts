/** What the client needs of the browser, so that tests can be eight tabs of one browser in virtual time. */
export interface SocketLike {
    onopen: ((event: any) => void) | null;
    onmessage: ((event: {
        data: unknown;
    }) => void) | null;
    onclose: ((event: {
        code: number;
    }) => void) | null;
    onerror: ((event: any) => void) | null;
    send(data: string): void;
    close(code?: number): void;
}
export interface LocksLike {
    request<T>(name: string, options: {
        ifAvailable?: boolean;
        steal?: boolean;
        signal?: AbortSignal;
    }, job: (lock: object | null) => T | Promise<T>): Promise<T>;
}
export interface ChannelLike {
    onmessage: ((event: {
        data: unknown;
    }) => void) | null;
    postMessage(message: unknown): void;
}
export interface StorageLike {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
    removeItem(key: string): void;
}
export type PageEvent = 'online' | 'offline' | 'pagehide' | 'pageshow' | 'visibilitychange';
/** All access to the outside. Parts that a browser may lack are functions that answer null or throw. */
export interface Environment {
    readonly fetch: typeof globalThis.fetch;
    readonly wall: () => number;
    readonly mono: () => number;
    readonly random: () => number;
    readonly setTimeout: (job: () => void, ms: number) => unknown;
    readonly clearTimeout: (id: any) => void;
    /** Throws when the address is refused. */
    readonly socket: (url: string, protocols: string[]) => SocketLike;
    readonly locks: LocksLike | null;
    readonly channel: (name: string) => ChannelLike | null;
    /** Throws where storage is switched off. */
    readonly session: () => StorageLike;
    readonly local: () => StorageLike;
    readonly hidden: () => boolean;
    readonly online: () => boolean;
    readonly listen: (name: PageEvent, job: (event: {
        persisted?: boolean;
    }) => void) => void;
    /** Address that relative addresses start from. */
    readonly base: string;
    readonly console: Pick<Console, 'info' | 'warn' | 'debug'>;
}
/** The browser that this script runs in. */
export declare function browserEnvironment(scope?: typeof globalThis): Environment;
