import type { Adapter, AdapterPayload } from 'oidc-provider'

/** What a provider remembers, in memory: sessions, grants, codes and tokens of one test. */
export class ProviderStore {
  /** key: kind and id; value: the record. */
  private readonly records = new Map<string, AdapterPayload>()

  /** The view of one kind of record that the provider works with. */
  readonly adapter = (kind: string): Adapter => {
    const { records } = this
    const key = (id: string): string => `${kind}:${id}`
    const first = (holds: (r: AdapterPayload) => boolean): AdapterPayload | undefined => this.of(kind).find(holds)
    return {
      async upsert(id, payload) { records.set(key(id), payload) },
      async find(id) { return records.get(key(id)) },
      async findByUid(uid) { return first((r) => r.uid === uid) },
      async findByUserCode(code) { return first((r) => r.userCode === code) },
      async consume(id) {
        const record = records.get(key(id))
        if (record) record.consumed = Math.floor(Date.now() / 1000)
      },
      async destroy(id) { records.delete(key(id)) },
      revokeByGrantId: async (grant) => { this.drop((_, r) => r.grantId === grant) },
    }
  }

  /** Forgets the records that the condition names. */
  drop(gone: (kind: string, record: AdapterPayload) => boolean): void {
    for (const [key, record] of this.records) if (gone(key.slice(0, key.indexOf(':')), record)) this.records.delete(key)
  }

  private of(kind: string): AdapterPayload[] {
    return [...this.records].flatMap(([key, record]) => (key.startsWith(`${kind}:`) ? [record] : []))
  }
}
