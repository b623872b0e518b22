/** Request paths of the browser that an app uses by itself: its own `fetch` and `XMLHttpRequest`, patched for a client's origins. */
export type { AuthFetch, AuthRequestInit } from './authfetch.js';
export { installFetch } from './install.js';
export { installXhr } from './xhr.js';
