import { expect, test } from 'bun:test'
import { findServerArguments } from './healthcheck.ts'

test('it asks as the first process of the container was told to serve', () => {
  const own = findServerArguments(['/bin/registry', 'serve', '/etc/distribution/config.yml'])
  expect(own).toEqual({ file: '/etc/distribution/config.yml', flags: {} })
  const flags = findServerArguments(['berth', 'serve', '--addr', ':8080', '--data=/srv', '--later', 'value'])
  expect(flags.flags).toEqual({ addr: ':8080', data: '/srv' })
})

test('also behind the init of Docker, which shows what it was given', () => {
  const behind = findServerArguments(['/sbin/docker-init', '--', '/entrypoint.sh', '/srv/registry.yaml'])
  expect(behind).toEqual({ file: '/srv/registry.yaml', flags: {} })
})

test('a first process that serves nothing says nothing', () => {
  expect(findServerArguments(['/sbin/init'])).toEqual({ file: undefined, flags: {} })
  expect(findServerArguments([])).toEqual({ file: undefined, flags: {} })
})
