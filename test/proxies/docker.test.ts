/** A real Docker Engine pushes and pulls through each proxy, with TLS and without. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { type DockerEngine, startDockerEngine } from '../clients/docker-engine.ts'
import { noise } from '../clients/images.ts'
import { checkBlob, getManifest } from '../clients/registry-contents.ts'
import { describeWith } from '../tools/describe-with.ts'
import { caddy } from './caddy.ts'
import { makeCertificate } from './certificate.ts'
import { type ProxyProgram, startFront } from './front.ts'
import { haproxy } from './haproxy.ts'
import { nginxWith } from './nginx.ts'
import { composeServer, oldDockerBlock } from './tutorials.ts'

const TIMEOUT = 120_000
const PROXIES = ['nginx', 'haproxy', 'caddy'] as const
const ENGINE = ['docker', 'dockerd', 'containerd', 'runc'] as const

describeWith('Docker Engine behind a proxy', [...PROXIES, ...ENGINE, 'openssl'], (tools) => {
  const programs: readonly (readonly [string, ProxyProgram])[] = [
    ["nginx with distribution's block", nginxWith(tools.nginx, oldDockerBlock)],
    ["nginx as in a compose file's tutorial", nginxWith(tools.nginx, composeServer)],
    ['HAProxy', haproxy(tools.haproxy)],
    ['Caddy', caddy(tools.caddy)],
  ]
  const scratch = mkdtempSync(join(tmpdir(), 'bp-'))
  let berth: BerthServer
  let engine: DockerEngine
  setDefaultTimeout(TIMEOUT)
  beforeAll(async () => {
    berth = await startBerth({ env: { REGISTRY_HTTP_RELATIVEURLS: 'false' } })
    const folder = join(scratch, 'd')
    mkdirSync(folder)
    engine = await startDockerEngine(tools, folder)
    await Bun.write(join(scratch, 'context/noise'), noise('docker behind proxies', 3 * 1024 * 1024))
    await Bun.write(join(scratch, 'context/Dockerfile'), 'FROM scratch\nCOPY noise /noise\nCMD ["/none"]\n')
    await engine.run('build', '-q', '-t', 'it', join(scratch, 'context'))
  }, TIMEOUT)
  afterAll(async () => {
    await engine[Symbol.asyncDispose]()
    await berth[Symbol.asyncDispose]()
    rmSync(scratch, { recursive: true, force: true })
  }, TIMEOUT)

  for (const [name, program] of programs) {
    test.each([false, true])(`${name}, with TLS: %p: an image is pushed and pulled`, async (hasTls) => {
      const certificate = hasTls ? await makeCertificate(tools.openssl, scratch) : null
      await using front = await startFront(program, { upstream: berth.host, certificate })
      const repository = `docker/${front.port}`
      const image = `${front.host}/${repository}:1`
      await engine.run('tag', 'it', image)
      await engine.run('push', image)
      const { bytes } = await getManifest(berth.url, repository, '1')
      const { layers } = JSON.parse(new TextDecoder().decode(bytes)) as { layers: { digest: string }[] }
      for (const { digest } of layers) await checkBlob(berth.url, repository, digest)
      await engine.run('rmi', image)
      await engine.run('pull', image)
      const id = async (of: string) =>
        (await engine.run('image', 'inspect', '--format', '{{.Id}}', of)).trim()
      expect(await id(image)).toBe(await id('it'))
    })
  }
})
