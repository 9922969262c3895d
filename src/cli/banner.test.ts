import { expect, test } from 'bun:test'
import { loadConfig } from '../config/load.ts'
import { formatBanner } from './banner.ts'

async function bannerOf(environment: Record<string, string>, hasColor = false): Promise<string> {
  const flags = { addr: null, data: null }
  const { config } = await loadConfig({ file: null, environment, flags, isTerminal: true })
  return formatBanner({ config, version: '1.2.3', url: 'http://127.0.0.1:5000', hasColor, program: 'berth' })
}

test('the first lines say where Berth is, where the data is, who may do what, and what to try', async () => {
  const banner = await bannerOf({ REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/srv/images' })
  expect(banner).toContain('Berth 1.2.3 is running')
  expect(banner).toContain('Address  http://localhost:5000, and every other address of this machine')
  expect(banner).toContain('Data     /srv/images (files and SQLite)')
  expect(banner).toContain(
    'OPEN TO EVERYONE who can reach this address: anybody may pull, push, overwrite and delete, without a login',
  )
  for (const command of [
    'berth demo ',
    'docker tag busybox localhost:5000/busybox',
    'docker push localhost:5000/busybox',
  ]) {
    expect(banner).toContain(command)
  }
  expect(banner).not.toContain('\x1b')
})

test('they follow the settings', async () => {
  const banner = await bannerOf({
    REGISTRY_HTTP_ADDR: '127.0.0.1:5001',
    REGISTRY_STORAGE: 'inmemory',
    REGISTRY_STORAGE_DELETE_ENABLED: 'false',
  })
  expect(banner).toContain('Address  http://localhost:5001\n')
  expect(banner).toContain('in memory: everything is gone when Berth stops')
  expect(banner).toContain('anybody may pull, push and overwrite, without a login')
  expect(banner).toContain('berth demo --url http://localhost:5001')
})

test('a Unix socket has no commands to try with docker', async () => {
  const banner = await bannerOf({ REGISTRY_HTTP_ADDR: 'unix:/run/berth.sock' })
  expect(banner).not.toContain('docker')
})

test('colours are used where they are welcome', async () => {
  expect(await bannerOf({}, true)).toContain('\x1b[1;33mOPEN TO EVERYONE\x1b[0m')
})
