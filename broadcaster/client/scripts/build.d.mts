import type { BuildOptions, OutputFile } from 'esbuild'
import type { MinifyOutput } from 'terser'

export function bundle(options: BuildOptions): Promise<OutputFile[]>
export function squeeze(code: string, map?: string): Promise<MinifyOutput>
export function script(entry: string): Promise<MinifyOutput>
