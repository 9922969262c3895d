import { expect, test } from 'bun:test'
import { hostForOthers, plainHttpHint } from './reach.ts'

const LAN = { addresses: ['192.168.1.5', '2001:db8::5'], isContainer: false }

function listening(hostname: string, host: string | null = null) {
  return { address: { kind: 'tcp', hostname, port: 5000 }, host } as const
}

test('others reach a server on every address by the first that the machine has', () => {
  expect(hostForOthers(listening('::'), LAN)).toBe('192.168.1.5:5000')
  expect(hostForOthers(listening('0.0.0.0'), { ...LAN, addresses: ['2001:db8::5'] })).toBe(
    '[2001:db8::5]:5000',
  )
  expect(hostForOthers(listening('::'), { ...LAN, addresses: [] })).toBeNull()
})

test('by the address or the name that was configured, where there is one', () => {
  expect(hostForOthers(listening('10.0.0.7'), LAN)).toBe('10.0.0.7:5000')
  expect(hostForOthers(listening('127.0.0.1', 'https://registry.example.com'), LAN)).toBe(
    'registry.example.com',
  )
})

test('and not at all on loopback or a Unix socket', () => {
  for (const hostname of ['127.0.0.1', '::1', 'localhost'])
    expect(hostForOthers(listening(hostname), LAN)).toBeNull()
  expect(hostForOthers({ address: { kind: 'unix', path: '/run/x' }, host: null }, LAN)).toBeNull()
})

test('a container does not know what its machine is called', () => {
  expect(hostForOthers(listening('::'), { ...LAN, isContainer: true })).toBe('HOST:5000')
})

test('and is given variables, not a command line', () => {
  const hint = plainHttpHint({ ...listening('::'), tls: null }, { ...LAN, isContainer: true }, 'registry')
  expect(hint).toEndWith('start with TLS: set BERTH_TLS=auto and REGISTRY_HTTP_HOST=https://HOST:5000')
})

test('the hint is for plain HTTP that other machines meet', () => {
  const hint = plainHttpHint({ ...listening('::'), tls: null }, LAN, 'berth')
  expect(hint).toContain('"insecure-registries": ["192.168.1.5:5000"]')
  expect(hint).toContain('berth serve --tls auto')
  expect(plainHttpHint({ ...listening('::'), tls: { kind: 'auto' } }, LAN, 'berth')).toBeNull()
  expect(plainHttpHint({ ...listening('127.0.0.1'), tls: null }, LAN, 'berth')).toBeNull()
  const behindProxy = { ...listening('::', 'https://registry.example.com'), tls: null }
  expect(plainHttpHint(behindProxy, LAN, 'berth')).toBeNull()
})
