import { expect, test } from 'bun:test'
import { calledAs, versionLine, withCommand } from './called-as.ts'

test('it is registry under that name wherever it lies, and Berth under every other', () => {
  expect(['registry', '/bin/registry', './registry'].map(calledAs)).toEqual(Array(3).fill('registry'))
  expect(['berth', '/opt/registry/berth', 'registry-2', 'bun', ''].map(calledAs)).toEqual(
    Array(5).fill('berth'),
  )
})

test('a configuration file alone is served', () => {
  expect(withCommand(['/etc/docker/registry/config.yml'])).toEqual([
    'serve',
    '/etc/docker/registry/config.yml',
  ])
  expect(withCommand(['config.yaml', '--addr', ':80'])).toEqual(['serve', 'config.yaml', '--addr', ':80'])
  expect(withCommand(['serve', 'config.yml'])).toEqual(['serve', 'config.yml'])
  expect(withCommand(['config'])).toEqual(['config'])
})

test('without arguments it helps', () => {
  expect(withCommand([])).toEqual(['--help'])
})

test('the version is the last word, as of the other registry', () => {
  expect(versionLine('registry')).toMatch(/^registry \S+ \d+\.\d+\.\d+$/)
  expect(versionLine('berth')).toMatch(/^berth \d+\.\d+\.\d+$/)
})
