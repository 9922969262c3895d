import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Bench, describeOnDatabases } from '../../test/registry-bench.ts'
import { claimIdentity, findIdentity } from './identity.ts'

describeOnDatabases("the database's id", (open) => {
  let bench: Bench
  beforeAll(async () => {
    bench = await open({ storage: 'memory' })
  })
  afterAll(() => bench.close())

  test('is none before anybody has claimed it; the first claim stays', async () => {
    expect(await findIdentity(bench.database)).toBeNull()
    const claims = ['one', 'two', 'three'].map((id) => claimIdentity(bench.database, id))
    const [first, ...others] = await Promise.all(claims)
    expect(['one', 'two', 'three']).toContain(first ?? '')
    expect(others).toEqual([first ?? '', first ?? ''])
    expect(await claimIdentity(bench.database, 'four')).toBe(first ?? '')
    expect(await findIdentity(bench.database)).toBe(first ?? '')
  })
})
