export const most: number
export function bind(task: { meta: object, name: string } | undefined, ids: readonly string[]): void
