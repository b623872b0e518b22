/** The Web Locks of one browser, as its tabs share them. */
import type { LockOptions, LocksLike } from '../src/scope'

/** The lock of one name: first come, first served; a steal breaks the holder. */
class Lock {
  private held: { reject: (error: unknown) => void } | null = null
  private readonly queue: (() => boolean)[] = []
  /** Most jobs that ever ran at once; more than one only after a steal. */
  most = 0
  running = 0
  grants = 0

  request = <T>(options: LockOptions, job: (lock: object | null) => T | Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const grant = (): void => {
        const holder = { reject }
        this.held = holder
        this.grants++
        this.most = Math.max(this.most, ++this.running)
        Promise.resolve()
          .then(() => job({}))
          .then(resolve, reject)
          .finally(() => {
            this.running--
            if (this.held === holder) this.release()
          })
      }
      if (options.signal?.aborted) return reject(options.signal.reason)
      if (options.steal) {
        this.held?.reject(new DOMException('stolen', 'AbortError'))
        return grant()
      }
      if (!this.held) return grant()
      if (options.ifAvailable) return void Promise.resolve(job(null)).then(resolve, reject)
      let open = true
      this.queue.push(() => {
        if (open) grant()
        return open
      })
      options.signal?.addEventListener('abort', () => {
        if (!open) return
        open = false
        reject(options.signal!.reason)
      })
    })

  private release(): void {
    this.held = null
    while (this.queue.length > 0 && !this.queue.shift()!()) continue
  }

  isHeld(): boolean {
    return this.held !== null
  }
}

/** Web Locks. */
export class Locks implements LocksLike {
  private readonly named = new Map<string, Lock>()

  of(name: string): Lock {
    const lock = this.named.get(name) ?? new Lock()
    this.named.set(name, lock)
    return lock
  }

  request = <T>(name: string, options: LockOptions, job: (lock: object | null) => T | Promise<T>): Promise<T> =>
    this.of(name).request(options, job)

  /** Most jobs that ever ran at once under the lock of a refresh; more than one only after a steal. */
  get most(): number {
    return this.of('keyturn:payments').most
  }

  /** Whether a refresh is under way. */
  isHeld(): boolean {
    return this.of('keyturn:payments').isHeld()
  }
}
