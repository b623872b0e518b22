import type { Core } from './core.js';
import type { SocketLike } from './scope.js';
/**
 * The same frames as server-sent events (WHATWG HTML section 9.2), for proxies that let no WebSocket through: a socket
 * that can be listened to only. The request presents the token, so a new one takes a new stream.
 */
/** Opens a stream; without a token ('') the cookie brings it, or the ring is public. Cookies go along, as with a WebSocket. */
export type OpenEvents = (token?: string) => SocketLike;
/**
 * Opens the event streams of one address for this tab. Over HTTP/1.1 all tabs of a browser share six connections to a
 * host, and each stream keeps one: a Web Lock leaves them to one tab of the browser. Without it the opening fails.
 */
export declare function createEventStreams(core: Core, send: typeof fetch, url: string): OpenEvents;
