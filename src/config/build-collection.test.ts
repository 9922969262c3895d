/** When what nothing needs is deleted, by the operator's word, and which words are too short. */
import { expect, test } from 'bun:test'
import { ConfigError } from './config.ts'
import { type LoadedConfig, loadConfig } from './load.ts'

function load(environment: Record<string, string>): Promise<LoadedConfig> {
  return loadConfig({ file: null, environment, flags: { addr: null, data: null }, isTerminal: false })
}

async function problemsOf(environment: Record<string, string>): Promise<readonly string[]> {
  const error: unknown = await load(environment).then(
    () => null,
    (reason) => reason,
  )
  if (error instanceof ConfigError) return error.problems
  throw new Error('the settings were accepted')
}

test('collection is on, with a day of grace, where nobody says otherwise', async () => {
  const { config, warnings } = await load({})
  expect(config.collection).toEqual({
    isEnabled: true,
    graceMilliseconds: 24 * 3_600_000,
    leaseMilliseconds: 3_600_000,
    condemnedForMilliseconds: 600_000,
    unlinkAfterMilliseconds: 600_000,
    allowsShortTimes: false,
  })
  expect(warnings).toEqual([])
})

test('collection takes its times from the settings', async () => {
  const { config } = await load({
    BERTH_COLLECTION_ENABLED: 'false',
    BERTH_COLLECTION_GRACE: '48h',
    BERTH_COLLECTION_LEASE: '2h',
    BERTH_COLLECTION_CONDEMNEDFOR: '20m',
    BERTH_COLLECTION_UNLINKAFTER: '30m',
  })
  expect(config.collection).toMatchObject({
    isEnabled: false,
    graceMilliseconds: 48 * 3_600_000,
    leaseMilliseconds: 7_200_000,
    condemnedForMilliseconds: 1_200_000,
    unlinkAfterMilliseconds: 1_800_000,
  })
})

test.each(['GRACE', 'LEASE', 'CONDEMNEDFOR', 'UNLINKAFTER', 'UNTAGGED_DELETEAFTER'])(
  'too short a time is refused, with what to do: %s',
  async (name) => {
    const problems = await problemsOf({ BERTH_COLLECTION_LEASE: '1h', [`BERTH_COLLECTION_${name}`]: '1s' })
    expect(problems[0]).toMatch(new RegExp(`^BERTH_COLLECTION_${name} is shorter than (60|10) minutes`))
  },
)

test('too short a time is taken with unsafeShortGrace, and that is told', async () => {
  const { config, warnings } = await load({
    BERTH_UNSAFESHORTGRACE: 'true',
    BERTH_COLLECTION_GRACE: '2s',
    BERTH_COLLECTION_LEASE: '1s',
  })
  expect(config.collection).toMatchObject({ graceMilliseconds: 2000, leaseMilliseconds: 1000 })
  expect(warnings).toEqual([expect.stringContaining('for tests only')])
})

test('a lease that is longer than the grace is refused', async () => {
  expect(await problemsOf({ BERTH_COLLECTION_LEASE: '48h' })).toEqual([
    'BERTH_COLLECTION_LEASE: berth.collection.grace must be at least as long as berth.collection.lease.',
  ])
})
