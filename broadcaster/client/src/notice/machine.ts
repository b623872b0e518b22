import type { Episode } from '../episodes'
import type { Settings } from '../settings'

/** What the notice looks like; `hidden` is no notice at all. */
export type View = 'hidden' | 'warning' | 'refreshing' | 'success' | 'failed' | 'hard' | 'denied'

/** All that the notice knows. A value: next makes a new one. */
export interface State {
  readonly panel: 'hidden' | 'warning' | 'success' | 'denied'
  /** The newest episode that was heard of, whatever its phase. */
  readonly heard: number
  /** The newest episode that was shown or dismissed: neither it nor an older one opens the notice again. */
  readonly done: number
  /** What a click has started and has not ended. */
  readonly busy: '' | 'refresh' | 'hard'
  /** A token refresh is not enough: the hard refresh is proposed. */
  readonly hard: boolean
  /** Why the last click failed; '' when it did not. */
  readonly error: string
  /** The server's own words on a 403; may be ''. */
  readonly detail: string
  /** A hard refresh was asked for, and the page has unsaved changes: the next click is a yes. */
  readonly unsaved: boolean
  /** More Information is open. */
  readonly expanded: boolean
}

export type Happening =
  | { readonly what: 'episode'; readonly episode: Episode; readonly notify: Settings['notifyOnSuccess'] }
  | { readonly what: 'busy'; readonly busy: 'refresh' | 'hard' }
  | { readonly what: 'refreshed' }
  | { readonly what: 'failed'; readonly error: string }
  | { readonly what: 'unsaved' }
  | { readonly what: 'toggle' }
  | { readonly what: 'dismiss' }
  /** Dismissed in another tab of this browser: what has begun until now is the same failure. */
  | { readonly what: 'elsewhere' }
  /** A success was shown for long enough. */
  | { readonly what: 'over' }

export const initial: State = {
  panel: 'hidden', heard: 0, done: 0, busy: '', hard: false, error: '', detail: '', unsaved: false, expanded: false,
}

/** The state after a happening. Pure. */
export function next(state: State, happening: Happening): State {
  const now = { ...state, unsaved: false }
  // What one panel has said does not belong to the next one.
  const show = (panel: State['panel']): State =>
    ({ ...now, panel, busy: '', error: '', ...(panel !== 'warning' && { hard: false, expanded: false }) })
  switch (happening.what) {
    case 'episode': return heard(state, happening.episode, happening.notify, show)
    case 'busy': return { ...now, busy: happening.busy, error: '' }
    case 'refreshed': return show('success')
    case 'failed': return { ...now, busy: '', error: happening.error }
    case 'unsaved': return { ...now, unsaved: true }
    case 'toggle': return { ...state, expanded: !state.expanded }
    case 'dismiss': return show('hidden')
    case 'elsewhere': return { ...(state.panel === 'warning' ? show('hidden') : state), done: state.heard }
    case 'over': return state.panel === 'success' ? show('hidden') : state
  }
}

function heard(state: State, episode: Episode, notify: Settings['notifyOnSuccess'], show: (panel: State['panel']) => State): State {
  const { id, phase, message, noticeable, code } = episode
  // Only its own words tell a user that they have to sign in.
  const error = code === 'unauthorized' ? message : ''
  const heard = Math.max(state.heard, id)
  const hard = episode.outdated || episode.failures > 1
  const known = { ...state, heard }
  if (phase === 'over') return { ...show('hidden'), heard }
  // A click waits for its own outcome; what is learned meanwhile is kept for then.
  if (state.busy) return { ...known, hard, done: heard }
  if (phase === 'recovered') {
    const worth = notify === 'always' || (notify === 'auto' && (noticeable || state.panel === 'warning'))
    // What was denied stays to be read: it has nothing to do with the token.
    return state.panel === 'denied' || (state.panel === 'hidden' && !worth) ? known : { ...show(worth ? 'success' : 'hidden'), heard }
  }
  if (phase === 'open' || (state.panel === 'hidden' && id <= state.done)) return known
  const panel = phase === 'denied' ? 'denied' : 'warning'
  return state.panel === panel
    ? { ...known, done: heard, hard, detail: message, error: error || state.error }
    : { ...show(panel), heard, done: heard, hard, detail: message, error }
}

/** What a state looks like. Pure. */
export function view({ panel, busy, error, hard }: State): View {
  if (panel !== 'warning') return panel
  return busy ? 'refreshing' : error ? 'failed' : hard ? 'hard' : 'warning'
}
