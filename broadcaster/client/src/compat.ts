import type { Keyturn } from './keyturn'

/**
 * An object by an older global name, for consoles and scripts that still ask it: the current kid is there, the
 * secret is not, and never was the browser's to know; who asks for it is told once where to look instead.
 * What an app has put there itself stays, but for these two.
 */
export function installCompat(keyturn: Keyturn, name = 'QUILT_CATALOG_CONFIG', scope: any = globalThis): void {
  let told = false
  Object.defineProperties((scope[name] ??= {}), {
    mcpEnhancedJwtKid: { get: () => keyturn.status().kid ?? undefined, enumerable: true },
    mcpEnhancedJwtSecret: {
      get() {
        if (!told) scope.console.warn('🔄 JWT secrets are not sent to browsers: ask window.__dynamicAuthManager.checkConfiguration()')
        told = true
      },
      enumerable: true,
    },
  })
}
