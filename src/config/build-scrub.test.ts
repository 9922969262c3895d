/** How stored blobs are hashed again, by the operator's word. */
import { expect, test } from 'bun:test'
import { ConfigError } from './config.ts'
import { type LoadedConfig, loadConfig } from './load.ts'

function load(environment: Record<string, string>): Promise<LoadedConfig> {
  return loadConfig({ file: null, environment, flags: { addr: null, data: null }, isTerminal: false })
}

test('every stored blob is hashed once a month, slowly, where nobody says otherwise', async () => {
  const { config } = await load({})
  expect(config.scrub).toEqual({ everyMilliseconds: 30 * 86_400_000, bytesPerSecond: 4 * 1024 * 1024 })
})

test('scrubbing takes its times from the settings', async () => {
  const { config } = await load({ BERTH_SCRUB_EVERY: '12h', BERTH_SCRUB_RATE: '1.5GB' })
  expect(config.scrub).toEqual({ everyMilliseconds: 12 * 3_600_000, bytesPerSecond: 1.5 * 1024 ** 3 })
})

test('scrubbing is off with 0', async () => {
  const { config } = await load({ BERTH_SCRUB_EVERY: '0' })
  expect(config.scrub).toBeNull()
})

test.each([
  ['BERTH_SCRUB_EVERY', 'sometimes'],
  ['BERTH_SCRUB_RATE', 'fast'],
  ['BERTH_SCRUB_RATE', '10'],
])('%s is not %s', async (name, value) => {
  const error: unknown = await load({ [name]: value }).then(
    () => null,
    (reason) => reason,
  )
  if (!(error instanceof ConfigError)) throw new Error('the setting was accepted')
  expect(error.problems[0]).toStartWith(name)
})
