/**
 * What must work through every proxy, with TLS and without, with paths for addresses and with whole ones: real
 * clients push and pull, uploads of every manner find their way, and the log knows who asked.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { content, contentsOf, MEDIA_TYPES, noise, readLayout, writeLayout } from '../clients/images.ts'
import { chunked } from '../clients/push.ts'
import { expectServed } from '../clients/registry-contents.ts'
import { smallImage } from '../clients/sample-images.ts'
import type { ToolName } from '../tools/catalog.ts'
import { command } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { makeCertificate } from './certificate.ts'
import { ask, type Front, type ProxyProgram, startFront } from './front.ts'
import { asStream, inChunks, type Manner, monolithic } from './uploads.ts'

const TIMEOUT = 60_000
/** Larger than what proxies keep in memory. */
const BLOB = 3 * 1024 * 1024

/** More than the buffers between client, proxy and registry take. */
const REFUSED = noise('refused', 20 * 1024 * 1024)

const MANNERS: Readonly<Record<string, Manner>> = {
  'in one piece': monolithic,
  'in chunks': inChunks,
  'as a stream of unknown length': asStream,
}

const CLIENTS = ['crane', 'skopeo', 'curl', 'openssl'] as const

export interface Clients {
  readonly crane: string
  readonly skopeo: string
  readonly curl: string
}

/** Describes all of it for one proxy. `program` is given the path of the proxy's own. */
export function describeProxy(
  name: string,
  tool: ToolName,
  program: (path: string) => ProxyProgram,
  withTls: readonly boolean[] = [false, true],
): void {
  describeWith(`Behind ${name}`, [tool, ...CLIENTS], (paths: Record<string, string>) => {
    const { crane = '', skopeo = '', curl = '', openssl = '' } = paths
    const clients = { crane, skopeo, curl }
    for (const hasTls of withTls) {
      for (const relative of [true, false]) {
        describe(`${hasTls ? 'with' : 'without'} TLS, with ${relative ? 'paths' : 'whole addresses'}`, () => {
          useRoundTrip(program(paths[tool] ?? ''), { clients, openssl: hasTls ? openssl : null, relative })
        })
      }
    }
  })
}

interface RoundTrip {
  readonly clients: Clients
  /** Null without TLS. */
  readonly openssl: string | null
  /** Whether a `Location` is a path. */
  readonly relative: boolean
}

function useRoundTrip(program: ProxyProgram, { clients, openssl, relative }: RoundTrip): void {
  const folder = mkdtempSync(join(tmpdir(), 'berth-round-trip-'))
  let berth: BerthServer
  let front: Front
  setDefaultTimeout(TIMEOUT)
  beforeAll(async () => {
    const certificate = openssl === null ? null : await makeCertificate(openssl, folder)
    berth = await startBerth({ env: relative ? {} : { REGISTRY_HTTP_RELATIVEURLS: 'false' } })
    front = await startFront(program, { upstream: berth.host, certificate })
  }, TIMEOUT)
  afterAll(async () => {
    await front[Symbol.asyncDispose]()
    await berth[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  }, TIMEOUT)

  const newFolder = (name: string) => {
    mkdirSync(join(folder, name))
    return join(folder, name)
  }
  const trusting = () => ({ env: { SSL_CERT_FILE: front.certificate?.certificate } })

  test('crane pushes and pulls', async () => {
    const image = smallImage('crane')
    const layout = writeLayout(newFolder('crane'), image, 'latest')
    await command(clients.crane, ['push', layout, `${front.host}/by/crane:1`], trusting())
    await expectServed(berth.url, 'by/crane', '1', image)
    const pulled = join(folder, 'pulled-by-crane')
    await command(clients.crane, ['pull', '--format=oci', `${front.host}/by/crane:1`, pulled], trusting())
    expect(readLayout(pulled)).toEqual(contentsOf(image))
  })

  test('skopeo pushes and pulls', async () => {
    const image = smallImage('skopeo')
    const layout = writeLayout(newFolder('skopeo'), image, 'it')
    const verify = `tls-verify=${front.certificate !== null}`
    const copy = ['--insecure-policy', 'copy', `--src-${verify}`, `--dest-${verify}`, '--preserve-digests']
    const target = `docker://${front.host}/by/skopeo:1`
    await command(clients.skopeo, [...copy, `oci:${layout}:it`, target], trusting())
    const pulled = join(folder, 'pulled-by-skopeo')
    await command(clients.skopeo, [...copy, target, `oci:${pulled}:it`], trusting())
    expect(readLayout(pulled)).toEqual(contentsOf(image))
  })

  test.each(Object.entries(MANNERS))('a blob that is sent %s arrives, and comes back', async (name, send) => {
    const blob = content(MEDIA_TYPES.layer.none, noise(`${program.path} ${name}`, BLOB))
    const { locations } = await send(front, 'uploads', blob)
    for (const location of locations) expect(location).toStartWith(`${relative ? '' : front.url}/v2/uploads/`)
    const answer = await ask(front, 'GET', `/v2/uploads/blobs/${blob.digest}`)
    expect(Bun.deepEquals(await answer.bytes(), blob.bytes)).toBe(true)
    const part = await ask(front, 'GET', `/v2/uploads/blobs/${blob.digest}`, {
      headers: { range: 'bytes=1000-1999' },
    })
    expect(part.status).toBe(206)
    expect(Bun.deepEquals(await part.bytes(), blob.bytes.slice(1000, 2000))).toBe(true)
    const head = await ask(front, 'HEAD', `/v2/uploads/blobs/${blob.digest}`)
    expect(head.headers.get('content-length')).toBe(String(BLOB))
  })

  test('the refusal of a large body reaches the client, and not the 502 of a proxy that was cut off', async () => {
    const path = '/v2/uploads/blobs/uploads/01234567-89ab-4def-8123-456789abcdef'
    for (const body of [REFUSED, chunked(REFUSED)]) {
      const answer = await ask(front, 'PATCH', path, { body })
      expect(answer.status).toBe(404)
      expect(await answer.text()).toContain('BLOB_UPLOAD_UNKNOWN')
    }
  })

  test('the log has the address of the client, not of the proxy', async () => {
    const trust = front.certificate === null ? [] : ['--cacert', front.certificate.certificate]
    const from = ['--interface', '127.0.0.9', ...trust, '-sS', '-X', 'POST']
    await command(clients.curl, [...from, `${front.url}/v2/from/nine/blobs/uploads/`])
    const lineOf = () =>
      berth
        .log()
        .split('\n')
        .find((line) => line.includes('/v2/from/nine/') && line.includes('POST'))
    await until('the request is in the log', () => lineOf() !== undefined)
    expect(lineOf()).toContain('127.0.0.9')
  })
}
