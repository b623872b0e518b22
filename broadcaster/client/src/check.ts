/** One finding of the configuration check. */
export interface Finding {
  readonly severity: 'error' | 'warning' | 'info'
  readonly message: string
  /** What to do about it. */
  readonly fix: string
  /** What happens while it stays as it is. */
  readonly impact: string
}

/** What the configuration check found. No secret, no digest of one: booleans and names of keys. */
export interface ConfigurationReport {
  readonly valid: boolean
  readonly hasWarnings: boolean
  readonly issues: readonly Finding[]
  readonly warnings: readonly Finding[]
  readonly info: readonly Finding[]
  readonly summary: string
  /** The five lines that the console shows. */
  readonly lines: readonly string[]
}
