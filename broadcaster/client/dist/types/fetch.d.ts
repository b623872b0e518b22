/** Request paths of the browser that an app uses by itself: its own `fetch` and `XMLHttpRequest`, patched for a client's origins. */
export type { AuthFetch, AuthRequestInit } from './authfetch';
export { installFetch } from './install';
export { installXhr } from './xhr';
