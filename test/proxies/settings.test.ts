/** Each setting of `http` that says how the registry is reached, as an operator sets it, and what clients then see. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launchBerth, startBerth } from '../berth-server.ts'
import { until } from '../until.ts'

setDefaultTimeout(60_000)

const FORWARDED = {
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'registry.example.com',
  'x-forwarded-for': '203.0.113.7',
}

const POST = 'http.request.method=POST'
const DISBELIEVED = 'X-Forwarded-* from 127.0.0.1 are not believed'

/** What `Location` a proxy on this machine gets, and the line of the log about it. */
async function begin(
  env: Record<string, string>,
  awaited = POST,
): Promise<{ location: string; line: string; log: string }> {
  await using berth = await startBerth({ env })
  const begun = await fetch(`${berth.url}/v2/a/blobs/uploads/`, { method: 'POST', headers: FORWARDED })
  const lineOf = () =>
    berth
      .log()
      .split('\n')
      .find((line) => line.includes(POST))
  await until('the request is in the log', () => lineOf() !== undefined && berth.log().includes(awaited))
  return { location: begun.headers.get('location') ?? '', line: lineOf() ?? '', log: berth.log() }
}

test('without any, a Location is a path, and the log has the client that a proxy on this machine names', async () => {
  const { location, line } = await begin({})
  expect(location).toStartWith('/v2/a/blobs/uploads/')
  expect(line).toContain('http.request.remoteaddr=203.0.113.7')
})

test('http.host is what a Location begins with, whatever http.relativeurls says', async () => {
  const { location } = await begin({
    REGISTRY_HTTP_HOST: 'https://set.example:8443',
    REGISTRY_HTTP_RELATIVEURLS: 'true',
  })
  expect(location).toStartWith('https://set.example:8443/v2/a/blobs/uploads/')
})

test("a path in http.host stands for http.prefix, which registry:2's addresses lack", async () => {
  const { location } = await begin({ REGISTRY_HTTP_HOST: 'https://set.example/images/' })
  expect(location).toStartWith('https://set.example/images/v2/a/blobs/uploads/')
})

test('http.relativeurls: false makes it a URL of the host that the client asked', async () => {
  const { location } = await begin({ REGISTRY_HTTP_RELATIVEURLS: 'false' })
  expect(location).toStartWith('https://registry.example.com/v2/a/blobs/uploads/')
})

test('http.trustedproxies says whom to believe: a proxy that is not in the list is told of once', async () => {
  const settings = { REGISTRY_HTTP_TRUSTEDPROXIES: '[192.0.2.0/24]', REGISTRY_HTTP_RELATIVEURLS: 'false' }
  const { location, line, log } = await begin(settings, DISBELIEVED)
  expect(location).toStartWith('http://127.0.0.1:')
  expect(line).toContain('http.request.remoteaddr=127.0.0.1')
  expect(log.split(DISBELIEVED)).toHaveLength(2)
})

test('http.headers are on every reply of the API', async () => {
  await using berth = await startBerth({ env: { REGISTRY_HTTP_HEADERS: '{X-One: [a], X-Two: [b, c]}' } })
  for (const [method, path] of [
    ['GET', '/v2/'],
    ['OPTIONS', '/v2/'],
    ['GET', '/v2/a/manifests/none'],
    ['POST', '/v2/_catalog'],
    ['GET', '/nowhere'],
  ] as const) {
    const { headers } = await fetch(`${berth.url}${path}`, { method })
    expect([headers.get('x-one'), headers.get('x-two')]).toEqual(['a', 'b, c'])
  }
})

test('http.net: unix makes http.addr the path of a socket', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-net-'))
  const socket = join(folder, 'registry.sock')
  await using _ = await launchBerth({ env: { REGISTRY_HTTP_NET: 'unix', REGISTRY_HTTP_ADDR: socket } })
  const answers = () =>
    fetch('http://berth/v2/', { unix: socket }).then(
      ({ status }) => status === 200,
      () => false,
    )
  await until('Berth answers on its socket', answers)
  rmSync(folder, { recursive: true, force: true })
})
