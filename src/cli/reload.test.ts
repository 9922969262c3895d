import { expect, test } from 'bun:test'
import type { LoadedConfig } from '../config/load.ts'
import { loadConfig } from '../config/load.ts'
import { createLog } from '../observability/log.ts'
import { reload } from './reload.ts'

async function loaded(environment: Record<string, string>): Promise<LoadedConfig> {
  return await loadConfig({ file: null, environment, flags: { addr: null, data: null }, isTerminal: false })
}

async function reloadWith(
  load: () => Promise<LoadedConfig>,
  { failed = [], latest }: { failed?: readonly string[]; latest?: LoadedConfig } = {},
) {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'text', write: (line) => void lines.push(line) })
  const levels: string[] = []
  const server = {
    async reload({ logLevel }: { readonly logLevel: string }) {
      levels.push(logLevel)
      return failed
    },
  }
  const atStart = await loaded({})
  await reload(server, { loaded: atStart, load, log }, latest ?? atStart)
  return { lines: lines.join(''), levels }
}

test('a new level of the log is applied', async () => {
  const { lines, levels } = await reloadWith(() => loaded({ REGISTRY_LOG_LEVEL: 'debug' }))
  expect(levels).toEqual(['debug'])
  expect(lines).toContain('what can be read again was read')
  expect(lines).not.toContain('restart')
})

test('what else has changed is named, and needs a restart', async () => {
  const { lines } = await reloadWith(() => loaded({ REGISTRY_HTTP_HOST: 'https://x.example.com' }))
  expect(lines).toContain('restart Berth to apply what has changed: http.host')
})

test('a file that cannot be used changes nothing, but the rest is read again', async () => {
  const latest = await loaded({ REGISTRY_LOG_LEVEL: 'warn' })
  const { lines, levels } = await reloadWith(() => loaded({ REGISTRY_LOG_LEVEL: 'loud' }), { latest })
  expect(levels).toEqual(['warn'])
  expect(lines).toContain('nothing of it was applied')
})

test('what could not be read again is named', async () => {
  const { lines } = await reloadWith(() => loaded({}), { failed: ['the certificates'] })
  expect(lines).toContain('what can be read again was read, but not the certificates')
})
