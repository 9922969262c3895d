/** Berth with TLS of its own behind a proxy: one that speaks TLS to it too, and one that only hands bytes on. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BerthServer, launchBerth } from '../berth-server.ts'
import { content, MEDIA_TYPES, noise } from '../clients/images.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { type Certificate, makeCertificate } from './certificate.ts'
import { ask, type Front, startFront } from './front.ts'
import { nginxWith, server } from './nginx.ts'
import { asStream, inChunks, monolithic } from './uploads.ts'

setDefaultTimeout(60_000)

describeWith('A Berth with TLS behind a proxy', ['nginx', 'haproxy', 'openssl'], (tools) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-encrypted-'))
  let certificate: Certificate
  let berth: BerthServer
  beforeAll(async () => {
    certificate = await makeCertificate(tools.openssl, folder)
    berth = await launchBerth({
      env: {
        REGISTRY_HTTP_TLS_CERTIFICATE: certificate.certificate,
        REGISTRY_HTTP_TLS_KEY: certificate.key,
        REGISTRY_HTTP_RELATIVEURLS: 'false',
      },
    })
    const direct = { url: `https://${berth.host}`, certificate }
    const answers = () =>
      ask(direct, 'GET', '/readyz').then(
        ({ status }) => status === 200,
        () => false,
      )
    await until('Berth answers over TLS', answers)
  })
  afterAll(async () => {
    await berth[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  async function expectTransfers(front: Front): Promise<void> {
    for (const send of [monolithic, inChunks, asStream]) {
      const blob = content(MEDIA_TYPES.layer.none, noise(`${front.port} ${send.name}`, 3_000_000))
      const { locations } = await send(front, 'encrypted', blob)
      for (const location of locations) expect(location).toStartWith(`${front.url}/v2/encrypted/`)
      const answer = await ask(front, 'GET', `/v2/encrypted/blobs/${blob.digest}`)
      expect(Bun.deepEquals(await answer.bytes(), blob.bytes)).toBe(true)
    }
  }

  test.each([false, true])('nginx asks it over TLS, and the client nginx, with TLS: %p', async (hasTls) => {
    const lines = `client_max_body_size 0; location / {
      proxy_pass https://${berth.host};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
    }`
    const program = nginxWith(tools.nginx, (site) => server(site, lines))
    const wanted = { upstream: berth.host, certificate: hasTls ? certificate : null }
    await using front = await startFront(program, wanted)
    await expectTransfers(front)
  })

  test('HAProxy hands the bytes on, and the client sees the certificate of Berth', async () => {
    const program = {
      path: tools.haproxy,
      arguments: (file: string) => ['-db', '-f', file],
      configure: ({ port, upstream }: { readonly port: number; readonly upstream: string }) => `
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen registry
    bind 127.0.0.1:${port}
    server berth ${upstream}
`,
    }
    await using front = await startFront(program, { upstream: berth.host, certificate })
    await expectTransfers(front)
  })
})
