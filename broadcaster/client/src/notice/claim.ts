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
 * Joins the tabs of one origin. A tab that shows says its name, a number above 0, and the negative of it when it stops
 * or is hidden; of those that show at once the smallest name stays. Each tab remembers the smallest name it heard, and
 * only that one's end counts: the others give way without anybody following. Without a channel each tab is on its own.
 */
export function createClaim(
  name: string, page: Document, changed: () => void, dismissed: () => void, me = 1 - Math.random(),
): Claim {
  let wanted = false
  // Who else shows it; 0: nobody.
  let elsewhere = 0
  let up = false
  let channel: Channel | undefined
  try {
    channel = new BroadcastChannel(name)
  } catch {
    // An opaque origin has no siblings.
  }
  const mine = (): boolean => wanted && !elsewhere && page.visibilityState !== 'hidden'
  const settle = (): void => {
    if (mine() !== up) channel?.postMessage((up = !up) ? me : -me)
    changed()
  }
  // Whoever comes to the front asks anew: the tab that showed it last may be gone without a word.
  const look = (): void => {
    elsewhere = 0
    settle()
  }
  if (channel) {
    channel.onmessage = ({ data }) => {
      if (data === 'dismiss') dismissed()
      else if (up && data > me) channel.postMessage(me)
      else if (data > 0 ? !elsewhere || data < elsewhere : data === -elsewhere) {
        elsewhere = Math.max(data, 0)
        settle()
      }
    }
  }
  page.addEventListener('visibilitychange', look)
  return {
    mine,
    want(now) {
      if (now && !wanted) elsewhere = 0
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
