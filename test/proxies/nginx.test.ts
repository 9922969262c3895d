/**
 * nginx in front: with the lines of the tutorials, by which it speaks HTTP/1.0 to the registry and keeps each body on
 * its own disk first; with ours; and with what people change in them.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BerthServer, launchBerth, startBerth } from '../berth-server.ts'
import { content, MEDIA_TYPES, noise } from '../clients/images.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { makeCertificate } from './certificate.ts'
import { ask, type Front, startFront } from './front.ts'
import { address, nginxWith, server } from './nginx.ts'
import { describeProxy } from './round-trip.ts'
import { PLAIN_SOCKET, shippedBlocks } from './shipped-nginx.ts'
import { composeServer, oldDockerBlock } from './tutorials.ts'
import { asStream, inChunks, type Manner, monolithic } from './uploads.ts'

const MEBIBYTE = 1024 * 1024
/** An upload that is not there. */
const GONE = '/v2/lines/blobs/uploads/01234567-89ab-4def-8123-456789abcdef'
const MANNERS: readonly Manner[] = [monolithic, inChunks, asStream]

setDefaultTimeout(60_000)

describeProxy("nginx with distribution's block", 'nginx', (path) => nginxWith(path, oldDockerBlock))
describeProxy("nginx as in a compose file's tutorial", 'nginx', (path) => nginxWith(path, composeServer))
describeProxy('nginx with deploy/nginx/berth.conf', 'nginx', (path) => nginxWith(path, shippedBlocks), [true])

/** Pushes a blob of 3 MiB in every manner, and pulls it again. */
async function expectTransfers(front: Front, repository: string): Promise<void> {
  for (const send of MANNERS) {
    const blob = content(MEDIA_TYPES.layer.none, noise(`${front.port} ${send.name}`, 3 * MEBIBYTE))
    await send(front, repository, blob)
    const answer = await ask(front, 'GET', `/v2/${repository}/blobs/${blob.digest}`)
    expect(answer.status).toBe(200)
    expect(Bun.deepEquals(await answer.bytes(), blob.bytes)).toBe(true)
  }
}

describeWith('nginx before Berth', ['nginx'], ({ nginx }) => {
  let berth: BerthServer
  beforeAll(async () => {
    berth = await startBerth()
  })
  afterAll(() => berth[Symbol.asyncDispose]())

  function front(location: string, upstream = berth.host): Promise<Front> {
    const program = nginxWith(nginx, (site) => server(site, location.replace('UPSTREAM', address(site))))
    return startFront(program, { upstream, certificate: null })
  }

  test.each([
    ['HTTP/1.0 and bodies as they come', 'proxy_request_buffering off;'],
    ['HTTP/1.0 and replies as they come', 'proxy_buffering off;'],
    ['HTTP/1.1 on one connection', 'proxy_http_version 1.1; proxy_set_header Connection "";'],
    [
      'HTTP/1.1 and all as it comes',
      'proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;',
    ],
  ])('with %s blobs are pushed in every manner, and pulled, and refusals arrive', async (_, lines) => {
    await using behind = await front(`client_max_body_size 0; location / { proxy_pass UPSTREAM; ${lines} }`)
    await expectTransfers(behind, 'lines')
    const body = noise('refused', 20 * MEBIBYTE)
    const refused = await ask(behind, 'PATCH', GONE, { body })
    expect(refused.status).toBe(404)
    expect(await refused.text()).toContain('BLOB_UPLOAD_UNKNOWN')
  })

  test('without client_max_body_size nginx refuses a layer of more than 1 MB, and Berth never hears of it', async () => {
    await using behind = await front('location / { proxy_pass UPSTREAM; proxy_set_header Host $http_host; }')
    const small = content(MEDIA_TYPES.layer.none, noise('small', 1000))
    await monolithic(behind, 'limited', small)
    const large = content(MEDIA_TYPES.layer.none, noise('large', 2 * MEBIBYTE))
    const refusal = monolithic(behind, 'limited', large)
    await expect(refusal).rejects.toThrow(/answered 413: .*Request Entity Too Large.*nginx/s)
  })

  test('what it cuts off the path, and says so, stands in every address', async () => {
    const location = 'location /hub/ { proxy_pass UPSTREAM/; proxy_set_header X-Forwarded-Prefix /hub; }'
    await using behind = await front(location)
    const begun = await ask(behind, 'POST', '/hub/v2/cut/blobs/uploads/')
    const address = begun.headers.get('location') ?? ''
    expect(address).toStartWith('/hub/v2/cut/blobs/uploads/')
    expect((await ask(behind, 'GET', address)).status).toBe(204)
  })
})

describeWith('nginx before a Berth with a prefix', ['nginx'], ({ nginx }) => {
  test('serves it beside other things, and lists are followed', async () => {
    await using berth = await startBerth({ env: { REGISTRY_HTTP_PREFIX: '/registry/' } })
    const location = 'location /registry/ { proxy_pass UPSTREAM; }'
    const program = nginxWith(nginx, (site) => server(site, location.replace('UPSTREAM', address(site))))
    await using behind = await startFront(program, { upstream: berth.host, certificate: null })
    const blob = content(MEDIA_TYPES.layer.none, noise('prefixed', 1000))
    const target = `/registry/v2/a/blobs/uploads/?digest=${blob.digest}`
    const stored = await ask(behind, 'POST', target, { body: blob.bytes })
    expect(stored.headers.get('location')).toBe(`/registry/v2/a/blobs/${blob.digest}`)
    for (const name of ['a', 'b']) {
      const put = await ask(behind, 'PUT', `/registry/v2/${name}/manifests/1`, { body: EMPTY_INDEX })
      expect(put.status).toBe(201)
    }
    const page = await ask(behind, 'GET', '/registry/v2/_catalog?n=1')
    const next = /^<(.+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1] ?? 'no Link'
    expect(next).toStartWith('/registry/v2/_catalog?')
    expect(await (await ask(behind, 'GET', next)).json()).toEqual({ repositories: ['b'] })
  })
})

const EMPTY_INDEX = JSON.stringify({
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.index,
  manifests: [],
})

describeWith('nginx before a Unix socket', ['nginx'], ({ nginx }) => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-nginx-'))
    chmodSync(folder, 0o755)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('pushes and pulls, and its word about the client is believed', async () => {
    const socket = join(folder, 'berth.sock')
    await using berth = await launchBerth({ env: { REGISTRY_HTTP_ADDR: `unix:${socket}` } })
    await until('Berth answers on its socket', async () => {
      const answer = await fetch('http://berth/readyz', { unix: socket }).catch(() => null)
      return answer?.status === 200
    })
    const program = nginxWith(nginx, oldDockerBlock)
    await using behind = await startFront(program, { upstream: `unix:${socket}`, certificate: null })
    await expectTransfers(behind, 'through/socket')
    const lineOf = () =>
      berth
        .log()
        .split('\n')
        .find((line) => line.includes('/v2/through/socket/') && line.includes('POST'))
    await until('the request is in the log', () => lineOf() !== undefined)
    expect(lineOf()).toContain('127.0.0.1')
  })
})

describeWith('deploy/nginx/berth.conf', ['nginx', 'openssl'], ({ nginx, openssl }) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-shipped-'))
  let proxyFolder = ''
  let berth: BerthServer
  let front: Front
  beforeAll(async () => {
    berth = await startBerth({ env: { REGISTRY_HTTP_RELATIVEURLS: 'false' } })
    const program = nginxWith(nginx, (site, where) => {
      proxyFolder = where
      return shippedBlocks(site, where)
    })
    front = await startFront(program, {
      upstream: berth.host,
      certificate: await makeCertificate(openssl, folder),
    })
  })
  afterAll(async () => {
    await front[Symbol.asyncDispose]()
    await berth[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  test('is taken without a warning', () => {
    expect(front.log()).not.toContain('[warn]')
  })

  test('sends who comes without TLS to the address with it', async () => {
    const answer = await fetch('http://127.0.0.1/v2/', {
      unix: join(proxyFolder, PLAIN_SOCKET),
      redirect: 'manual',
    })
    expect(answer.status).toBe(301)
    expect(answer.headers.get('location')).toBe('https://127.0.0.1/v2/')
  })

  test('lets no client say where it came from', async () => {
    const headers = {
      forwarded: 'host=evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-port': '1',
      'x-forwarded-prefix': '/evil',
      'x-forwarded-proto': 'http',
    }
    const begun = await ask(front, 'POST', '/v2/a/blobs/uploads/', { headers })
    expect(begun.headers.get('location')).toStartWith(`${front.url}/v2/a/blobs/uploads/`)
  })
})
