import type { Environment } from './environment'

/**
 * The console. Every line carries the mark by which people filter for refresh activity; none carries a token,
 * a part of one, or a name of a person.
 */
export interface Log {
  info(line: string): void
  warn(line: string): void
  /** Only with the debug switch on. */
  debug(line: string): void
}

/** The console of the page; debug says whether the verbose lines are wanted. */
export function createLog(env: Environment, debug: () => boolean): Log {
  const out = (level: 'info' | 'warn' | 'debug') => (line: string) => env.console[level](`🔄 ${line}`)
  const verbose = out('debug')
  return {
    info: out('info'),
    warn: out('warn'),
    debug: (line) => {
      if (debug()) verbose(line)
    },
  }
}

/** Whether `localStorage.debug` names us, as other libraries read it too: `keyturn`, `keyturn:*`, `*`. */
export function debugSwitch(env: Environment): boolean {
  try {
    return /(^|[\s,])(\*|keyturn(:\S*)?)($|[\s,])/.test(env.local().getItem('debug') ?? '')
  } catch {
    return false
  }
}
