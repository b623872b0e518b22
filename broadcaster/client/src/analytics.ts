/**
 * What a sink for analytics gets: what happened, and nothing about whom it happened to. No subject, token, address
 * or text of the server is in it.
 */
export interface AnalyticsReport {
  readonly what: 'refresh' | 'blocked' | 'episode' | 'notice' | 'hardrefresh'
  /** What set a refresh off. */
  readonly trigger?: string
  /** How a refresh or an episode went on. */
  readonly phase?: string
  /** Which guard stood before a refresh. */
  readonly layer?: string
}
