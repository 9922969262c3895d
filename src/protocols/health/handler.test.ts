/** What probes are told, and what only the log is told. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { type Bench, openOnSqlite } from '../../../test/registry-bench.ts'
import { type RunningServer, startServer } from '../../http/server.ts'
import { createLog } from '../../observability/log.ts'
import { healthHandler } from './handler.ts'

let bench: Bench
let server: RunningServer
let lines: string[]
beforeEach(async () => {
  bench = await openOnSqlite({ storage: 'memory' })
  lines = []
  const log = createLog({ level: 'info', format: 'json', write: (line) => void lines.push(line) })
  const health = healthHandler(bench.registry, log)
  const reply = async (status: number) => ({ status, headers: {}, body: null })
  server = await startServer({
    address: { kind: 'tcp', hostname: '127.0.0.1', port: 0 },
    handle: (request) => health(request) ?? reply(404),
    onError: () => ({ status: 500, headers: {}, body: null }),
  })
})
afterEach(async () => {
  await server.stop({ graceMilliseconds: 1000 })
  await bench.close()
})

test.each(['/healthz', '/readyz'])(
  '%s answers GET and HEAD, tells OPTIONS so, and refuses the rest',
  async (path) => {
    for (const method of ['GET', 'HEAD']) {
      expect((await fetch(server.url + path, { method })).status).toBe(200)
    }
    for (const method of ['POST', 'DELETE', 'OPTIONS']) {
      const answer = await fetch(server.url + path, { method })
      expect(answer.status).toBe(method === 'OPTIONS' ? 200 : 405)
      expect(answer.headers.get('allow')).toBe('GET, HEAD')
    }
  },
)

test('/readyz says which part fails, and leaves the reason to the log', async () => {
  await bench.close()
  const answer = await fetch(`${server.url}/readyz`)
  expect(answer.status).toBe(503)
  expect(await answer.text()).toBe(
    'The database cannot be read now.\nThe database takes no writes now.\nThe log of this registry says why.\n',
  )
  expect(lines).toHaveLength(2)
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
})

test('other addresses are not its affair', async () => {
  expect((await fetch(`${server.url}/v2/`)).status).toBe(404)
})
