/** The control socket of a running server: who may open it, where it is, and what it answers. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { version } from '../../package.json'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { until } from '../until.ts'

setDefaultTimeout(30_000)

let berth: BerthServer
beforeAll(async () => {
  berth = await startBerth()
})
afterAll(() => berth[Symbol.asyncDispose]())

function socketOf({ data }: BerthServer): string {
  return join(data, 'berth/control.sock')
}

function ask(method: string, path: string, body?: string, server = berth): Promise<Response> {
  const unix = realpathSync(socketOf(server))
  return fetch(`http://localhost${path}`, { unix, method, ...(body === undefined ? {} : { body }) })
}

test('is for the owner alone, and leaves nothing beside it', () => {
  expect(statSync(socketOf(berth)).mode & 0o777).toBe(0o600)
  expect(readdirSync(join(berth.data, 'berth')).filter((name) => name.startsWith('c-'))).toEqual([])
})

test('tells what runs', async () => {
  const answer = await ask('GET', '/api/v1/status')
  expect(await answer.json()).toMatchObject({
    version,
    pid: berth.pid,
    url: berth.url,
    workers: 1,
    problems: {},
  })
})

test('has what can be read again read again', async () => {
  expect((await ask('POST', '/api/v1/reload')).status).toBe(202)
  await until('the log says so', () => berth.log().includes('SIGHUP: what can be read again was read'))
})

test('a configuration file that changes is read again without being asked', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-changes-'))
  const file = join(folder, 'config.yml')
  writeFileSync(file, 'log:\n  level: info\n')
  await using own = await startBerth({ env: { REGISTRY_CONFIGURATION_PATH: file } })
  writeFileSync(file, 'log:\n  level: debug\nhttp:\n  host: https://registry.example.com\n')
  await until('the log says so', () =>
    own.log().includes(`${file} has changed: what can be read again was read`),
  )
  await until('the log says what waits', () => own.log().includes('to apply what has changed: http.host'))
  rmSync(folder, { recursive: true })
})

test.each([
  ['GET', '/api/v1/nothing', undefined, 404],
  ['GET', '/v2/', undefined, 404],
  ['GET', '/api/v1/reload', undefined, 405],
  ['POST', '/api/v1/garbage-collection', '{', 400],
  ['POST', '/api/v1/garbage-collection', '{"cursor":{"step":"everything"}}', 400],
  ['POST', '/api/v1/garbage-collection', '{"delete":true}', 400],
  ['POST', '/api/v1/garbage-collection', ' '.repeat(70_000), 413],
])('refuses %s %s with a sentence', async (method, path, body, status) => {
  const answer = await ask(method, path, body)
  expect(answer.status).toBe(status)
  expect(await answer.json()).toEqual({ error: expect.stringMatching(/^[A-Z].*\.$/) })
})

test('answers nobody on the port of the registry', async () => {
  expect((await fetch(`${berth.url}/api/v1/status`)).status).toBe(404)
})

test('lies elsewhere where the path is too long for one, and a link says where', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'berth-control-'))
  const data = join(scratch, 'a-folder-with-a-long-name'.repeat(5))
  mkdirSync(data)
  {
    await using server = await startBerth({ data })
    expect(lstatSync(socketOf(server)).isSymbolicLink()).toBe(true)
    expect(statSync(socketOf(server)).mode & 0o777).toBe(0o600)
    expect((await ask('GET', '/api/v1/status', undefined, server)).status).toBe(200)
    await server.stop()
    expect(existsSync(socketOf(server))).toBe(false)
  }
  rmSync(scratch, { recursive: true })
})

test('is there again after a server that was killed', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'berth-control-'))
  const data = join(scratch, 'data')
  {
    await using killed = await startBerth({ data })
    await killed.kill()
    expect(existsSync(socketOf(killed))).toBe(true)
  }
  await using server = await startBerth({ data })
  expect((await ask('GET', '/api/v1/status', undefined, server)).status).toBe(200)
  await server.stop()
  rmSync(scratch, { recursive: true })
})
