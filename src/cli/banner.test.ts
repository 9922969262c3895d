import { expect, test } from 'bun:test'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { formatBanner } from './banner.ts'
import type { Trust } from './trust.ts'

async function bannerOf(
  environment: Record<string, string>,
  hasColor = false,
  changes: Partial<Config> = {},
  trust: Trust | null = null,
): Promise<string> {
  const flags = { addr: null, data: null }
  const loaded = await loadConfig({ file: null, environment, flags, isTerminal: true })
  const config = { ...loaded.config, ...changes }
  return formatBanner({
    config,
    version: '1.2.3',
    url: 'http://127.0.0.1:5000',
    hasColor,
    program: 'berth',
    surroundings: { addresses: ['192.168.1.5'], isContainer: false },
    trust,
  })
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

test('where a login is needed it says who may do what, is not loud, and begins with the login', async () => {
  const auth = { kind: 'htpasswd', realm: 'x', path: '/auth/htpasswd' } as const
  const banner = await bannerOf({}, true, { auth })
  expect(banner).toContain('Access   every user in /auth/htpasswd may pull, push, overwrite and delete\n')
  expect(banner).not.toContain('OPEN')
  expect(banner).toContain('docker login localhost:5000 ')
  expect(banner).not.toContain('berth demo')
})

test('without TLS they say what Docker on other machines will answer, and both cures', async () => {
  const banner = await bannerOf({})
  expect(banner).toContain('"server gave HTTP response to HTTPS client"')
  expect(banner).toContain('"insecure-registries": ["192.168.1.5:5000"]')
  expect(banner).toContain('berth serve --tls auto')
  expect(await bannerOf({ REGISTRY_HTTP_ADDR: '127.0.0.1:5000' })).not.toContain('insecure-registries')
})

test('with a local authority they say how to trust it', async () => {
  const trust = { host: '192.168.1.5:5000', path: '/srv/images/berth/tls/ca.crt', fingerprint: 'AB:CD' }
  const banner = await bannerOf({ BERTH_TLS: 'auto' }, false, {}, trust)
  expect(banner).toContain('Address  https://localhost:5000')
  expect(banner).toContain('SHA-256 fingerprint AB:CD')
  expect(banner).toContain(
    'Docker      sudo install -D -m 644 /srv/images/berth/tls/ca.crt /etc/docker/certs.d/192.168.1.5:5000/ca.crt',
  )
  expect(banner).toContain('openssl s_client -connect 192.168.1.5:5000')
  expect(banner).not.toContain('insecure-registries')
  expect(banner).not.toContain('berth demo')
})
