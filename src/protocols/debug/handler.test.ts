import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type RunningServer, startServer } from '../../http/server.ts'
import { debugFailure, debugHandler } from './handler.ts'

let server: RunningServer
const problems: Record<string, string> = {}

beforeAll(async () => {
  const metrics = { path: '/metrics', type: 'text/plain', text: () => Promise.resolve('up 1\n') }
  server = await startServer({
    address: { kind: 'tcp', hostname: '127.0.0.1', port: 0 },
    handle: debugHandler({ problems: () => Promise.resolve(problems), metrics }),
    onError: debugFailure,
  })
})
afterAll(() => server.stop({ graceMilliseconds: 0 }))

function ask(path: string, method = 'GET'): Promise<Response> {
  return fetch(server.url + path, { method })
}

describe('/debug/health', () => {
  test('is an empty object while all is well, and names what is wrong otherwise', async () => {
    const well = await ask('/debug/health')
    expect([well.status, await well.json()]).toEqual([200, {}])
    problems['127.0.0.1:1'] = 'connection to 127.0.0.1:1 failed'
    const sick = await ask('/debug/health')
    expect([sick.status, await sick.json()]).toEqual([503, problems])
  })
})

test('metrics are where they are wished for', async () => {
  expect(await (await ask('/metrics')).text()).toBe('up 1\n')
  expect((await ask('/metrics', 'POST')).status).toBe(405)
})

test.each(['/debug/pprof/', '/debug/vars'])(
  '%s, which is Go’s, is not there, with a sentence',
  async (path) => {
    const answer = await ask(path)
    expect(answer.status).toBe(404)
    expect(await answer.text()).toBe(
      'Berth is no Go program, so there is no profiler and there are no variables here. There is /debug/health and /metrics.\n',
    )
  },
)
