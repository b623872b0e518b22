// The page of the notice's tests: a manager whose outcomes the test decides, under the strictest policy there is.
import { mountNotice } from '/notice.js'

const listeners = new Set()
const { options = {}, settings = {}, dirty } = JSON.parse(document.querySelector('meta[name=stage]').content)
let settle = null
const calls = []

const job = (name) => () => {
  calls.push(name)
  return new Promise((resolve, reject) => { settle = { resolve, reject } })
}

/** Obeys the contract of the real one: phases of an episode come in order, and no token is in anything. */
const manager = {
  on(event, listener) {
    if (event !== 'episode') throw new TypeError(`there is no event ${event}`)
    listeners.add(listener)
    return () => listeners.delete(listener)
  },
  getConfig: () => ({ successDismissMs: 3000, notifyOnSuccess: 'auto', contact: null, language: '', ...settings }),
  clearCache: async () => { calls.push('clearCache') },
  refreshToken: job('refreshToken'),
  hardRefresh: job('hardRefresh'),
  logout: async () => { calls.push('logout') },
  noticed: () => { calls.push('noticed') },
  getDebugInfo: () => ({
    version: '0.1.0', kid: '2026-11-b', stats: { validationFailureCount: 2 },
    leaked: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl', lastValidationError: { message: 'the server answered 500' },
  }),
}

let present = true
window.stage = {
  calls,
  emit: (episode) => {
    for (const listener of listeners) listener({ noticeable: true, failures: 1, outdated: false, code: '', message: '', ...episode })
  },
  resolve: () => settle.resolve('new'),
  reject: (message) => settle.reject(new Error(message)),
  vanish: () => { present = false },
  unmount: mountNotice(() => (present ? manager : null), { ...options, ...(dirty === undefined ? {} : { isDirty: () => dirty }) }),
}
