import { expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../test/until.ts'
import type { LoadedConfig } from '../config/load.ts'
import { loadConfig } from '../config/load.ts'
import { Periodic } from '../lib/periodic.ts'
import { createLog } from '../observability/log.ts'
import { reload, watchConfiguration } from './reload.ts'

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
  expect(lines).toContain('what can be read again was read, but not the configuration')
})

test('what could not be read again is named', async () => {
  const { lines } = await reloadWith(() => loaded({}), { failed: ['the certificates'] })
  expect(lines).toContain('what can be read again was read, but not the certificates')
})

test('a file that has changed is told of when it is whole, once, and not while it is gone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-reload-'))
  const path = join(folder, 'config.yml')
  writeFileSync(path, 'one')
  const found: string[] = []
  let looks = 0
  const log = createLog({ level: 'info', format: 'text', write: () => {} })
  const onChange = () => void found.push(readFileSync(path, 'utf8'))
  const watch = watchConfiguration({ path, log, onChange, everyMilliseconds: 10 })
  const looking = new Periodic({
    everyMilliseconds: 10,
    work: async () => void looks++,
    onError: (error) => {
      throw error
    },
  })
  rmSync(path)
  await until('it was looked at', () => looks > 10)
  writeFileSync(path, 'one')
  writeFileSync(path, 'two')
  await until('the change is told', () => found.length > 0)
  looks = 0
  await until('it was looked at again', () => looks > 10)
  writeFileSync(path, 'three')
  await until('the next one is told', () => found.length > 1)
  expect(found).toEqual(['two', 'three'])
  await Promise.all([watch.stop(), looking.stop()])
  rmSync(folder, { recursive: true })
})
