/** The part of a channel between tabs that is used here. */
interface Channel {
  onmessage: ((event: MessageEvent) => void) | null
  postMessage(message: unknown): void
  close(): void
}

/** Which tab of a browser shows the notice: a visible one, and only one. */
export interface Claim {
  /** This tab has something to show, or no more. */
  want(wanted: boolean): void
  /** This tab may show it. */
  mine(): boolean
  /** Tells the other tabs that the user has seen enough. */
  dismiss(): void
  close(): void
}

/**
 * Joins the tabs of one origin. A tab that shows says `up`, and `down` when it stops or is hidden; of two that show
 * at once the one with the smaller name stays. Without a channel each tab is on its own.
 */
export function createClaim(
  name: string, page: Document, changed: () => void, dismissed: () => void, me = Math.random(),
): Claim {
  let wanted = false
  let elsewhere = false
  let up = false
  let channel: Channel | undefined
  try {
    channel = new BroadcastChannel(name)
  } catch {
    // An opaque origin has no siblings.
  }
  const mine = (): boolean => wanted && !elsewhere && page.visibilityState !== 'hidden'
  const settle = (): void => {
    if (mine() !== up) channel?.postMessage((up = !up) ? me : 'down')
    changed()
  }
  // Whoever comes to the front asks anew: the tab that showed it last may be gone without a word.
  const look = (): void => {
    elsewhere = false
    settle()
  }
  if (channel) {
    channel.onmessage = ({ data }) => {
      if (data === 'dismiss') dismissed()
      else if (up && data > me) channel.postMessage(me)
      else {
        elsewhere = data !== 'down'
        settle()
      }
    }
  }
  page.addEventListener('visibilitychange', look)
  return {
    mine,
    want(now) {
      if (now && !wanted) elsewhere = false
      wanted = now
      settle()
    },
    dismiss: () => channel?.postMessage('dismiss'),
    close() {
      wanted = false
      settle()
      page.removeEventListener('visibilitychange', look)
      channel?.close()
    },
  }
}
