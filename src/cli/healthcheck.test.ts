import { describe, expect, test } from 'bun:test'
import { askReadiness, findServerArguments } from './healthcheck.ts'

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

describe('the answer', () => {
  async function ask(status: number, text: string): Promise<string> {
    const asked: string[] = []
    await using server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch(request) {
        asked.push(new URL(request.url).pathname)
        return new Response(text, { status })
      },
    })
    const address = { kind: 'tcp', hostname: '127.0.0.1', port: server.port ?? 0 } as const
    const answer = await askReadiness({ http: { address, tls: null } })
    expect(asked).toEqual(['/readyz'])
    return answer
  }

  test('of a registry that is ready is passed on', async () => {
    expect(await ask(200, 'ready\n')).toBe('ready\n')
  })

  test('of one that is not ready is a failure with exit code 1, for Docker keeps 2 for itself', async () => {
    const failure = await ask(503, 'the storage cannot be written\n').catch((error) => error)
    expect(failure).toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/answers 503: the storage cannot be written$/),
    })
  })
})
