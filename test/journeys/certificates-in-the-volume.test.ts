/**
 * The way of another tutorial: a registry by compose, an image pushed to it, its files looked at on the disk; then a
 * self-signed certificate in the registry's own volume, and another host that is taught to trust it.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { IMAGE_TOOLS } from '../machine/berth-image.ts'
import { type Machine, startMachine } from '../machine/machine.ts'
import { openShell, type Shell } from '../machine/shell.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { asHere } from './here.ts'
import { bringHelloImage, bringRegistryImage } from './images.ts'

const COMPOSE = `services:
  # docker run -d -p 5000:5000 -v /srv/vol:/var/lib/registry -name registry registry
  registry:
    image: registry:latest
    ports:
      - 5000:5000
    volumes:
      - /srv/vol:/var/lib/registry
`

const COMPOSE_WITH_TLS = `${COMPOSE}    environment:
      - REGISTRY_HTTP_TLS_CERTIFICATE=/var/lib/registry/certs/server.crt
      - REGISTRY_HTTP_TLS_KEY=/var/lib/registry/certs/server.key
`

const HOST = '192.168.11.15'
const TOOLS = [...IMAGE_TOOLS, 'docker-compose', 'openssl', 'curl'] as const

describeWith('a registry with its certificates in the volume', TOOLS, () => {
  let machine: Machine
  let shell: Shell

  beforeAll(async () => {
    machine = await startMachine({ addresses: [`${HOST}/32`] })
    await bringRegistryImage(machine)
    await bringHelloImage(machine)
    shell = await openShell(machine, asHere)
    await shell.run('mkdir ~/work && cd $_')
  }, 300_000)
  afterAll(async () => {
    await shell?.[Symbol.asyncDispose]()
    await machine?.[Symbol.asyncDispose]()
  })

  test('compose starts it, and shows it on port 5000', async () => {
    expect(await shell.run('sudo docker run --rm hello-world')).toContain('Hello from a container.')
    await shell.edit('compose.yaml', COMPOSE)
    await shell.run('sudo docker compose up -d')
    const listed = await shell.run('sudo docker compose ps')
    expect(listed).toMatch(
      /work_registry_1 +\/entrypoint\.sh .* +Up( \([^)]*\))? .*0\.0\.0\.0:5000->5000\/tcp/,
    )
    await untilAnswered('http://localhost:5000/v2/')
  })

  test('an image is pushed and listed', async () => {
    await shell.run('sudo docker tag hello-world:latest localhost:5000/hello-world:test')
    expect(await shell.run('sudo docker images')).toMatch(/^localhost:5000\/hello-world +test /m)
    const pushed = await shell.run('sudo docker push localhost:5000/hello-world:test')
    expect(pushed).toContain('The push refers to repository [localhost:5000/hello-world]')
    expect(pushed).toMatch(/^test: digest: sha256:[0-9a-f]{64} size: \d+$/m)
    expect(await shell.run('curl http://localhost:5000/v2/_catalog')).toContain(
      '{"repositories":["hello-world"]}',
    )
    expect(await shell.run('curl http://localhost:5000/v2/hello-world/tags/list')).toContain(
      '{"name":"hello-world","tags":["test"]}',
    )
  })

  test('the folder holds exactly the files of the tutorial, beside those of Berth', async () => {
    expect(await shell.run('du -sh /srv/vol')).toMatch(/^\d+(\.\d+)?[KM]\s+\/srv\/vol\n$/)
    const listed = await shell.run('find /srv/vol -type f -exec ls -l {} \\;')
    const files = listed
      .trim()
      .split('\n')
      .filter((line) => !line.includes(' /srv/vol/berth/'))
    const found = files.map((line) => line.replace(/^(\S+) 1 (\S+ \S+) +(\d+) .* (\S+)$/, '$1 $2 $3 $4'))
    expect(found.sort()).toEqual(await filesOfTheTutorial())
  })

  test('the image is pulled back', async () => {
    expect(await shell.run('sudo docker rmi localhost:5000/hello-world:test')).toContain(
      'Untagged: localhost:5000/hello-world@sha256:',
    )
    expect(await shell.run('sudo docker images')).not.toContain('localhost:5000/hello-world')
    const pulled = await shell.run('sudo docker pull localhost:5000/hello-world:test')
    expect(pulled).toContain('Status: Downloaded newer image for localhost:5000/hello-world:test')
    expect(await shell.run('sudo docker images')).toMatch(/^localhost:5000\/hello-world +test /m)
  })

  test('another host may look, but Docker there pushes over TLS only', async () => {
    expect(await shell.run(`curl http://${HOST}:5000/v2/_catalog`)).toContain(
      '{"repositories":["hello-world"]}',
    )
    await shell.run(`sudo docker tag hello-world:latest ${HOST}:5000/hello-world:oldest`)
    expect(await shell.run('sudo docker images | grep hello-world')).toContain(`${HOST}:5000/hello-world `)
    expect(await shell.fail(`sudo docker push ${HOST}:5000/hello-world:oldest`)).toContain(
      `Get "https://${HOST}:5000/v2/": http: server gave HTTP response to HTTPS client`,
    )
  })

  test("with a key and a certificate in the registry's own volume, it speaks TLS", async () => {
    await shell.run('mkdir /srv/vol/certs')
    await shell.run('cd /srv/vol/certs')
    await shell.run(
      `openssl req -x509 -sha256 -nodes -days 3650 -newkey rsa:2048 -subj /CN=${HOST} -keyout server.key -out server.crt -addext 'subjectAltName = IP:${HOST}'`,
    )
    expect(await shell.run('ls -l')).toMatch(/^-rw------- 1 root root \d+ .* server\.key$/m)
    await shell.run('cd ~/work')
    await shell.edit('compose.yaml', COMPOSE_WITH_TLS)
    await shell.run('sudo docker compose up -d')
    await untilAnswered(`https://${HOST}:5000/v2/`)
    expect(await shell.run(`curl -k https://${HOST}:5000/v2/_catalog`)).toContain(
      '{"repositories":["hello-world"]}',
    )
  })

  test('a host that has the certificate in certs.d pushes', async () => {
    await shell.run(`sudo mkdir -p /etc/docker/certs.d/${HOST}:5000`)
    await shell.run(`sudo cp /srv/vol/certs/server.crt /etc/docker/certs.d/${HOST}:5000/ca.crt`)
    await shell.run(`ls -l /etc/docker/certs.d/${HOST}\\:5000/ca.crt`)
    const pushed = await shell.run(`sudo docker push ${HOST}:5000/hello-world:oldest`)
    expect(pushed).toMatch(/^oldest: digest: sha256:[0-9a-f]{64} size: \d+$/m)
    const tags = await shell.run(`curl -sk https://${HOST}:5000/v2/hello-world/tags/list`)
    const { name, tags: names } = JSON.parse(tags)
    expect([name, names.toSorted()]).toEqual(['hello-world', ['oldest', 'test']])
  })

  test('what the certificate has been put beside is untouched', async () => {
    expect(await machine.run('ls', '/srv/vol/certs')).toBe('server.crt\nserver.key\n')
    expect(await shell.run('sudo docker compose logs registry')).not.toMatch(/level=(error|fatal)/)
  })

  /** Each with its mode, owner, size and path: of the repository a link of 71 bytes, and of each blob its content. */
  async function filesOfTheTutorial(): Promise<string[]> {
    const accept = 'Accept: application/vnd.docker.distribution.manifest.v2+json'
    const text = await machine.run(
      'curl',
      '-sS',
      '-H',
      accept,
      'http://localhost:5000/v2/hello-world/manifests/test',
    )
    const digest = new Bun.CryptoHasher('sha256').update(text).digest('hex')
    const { config, layers } = JSON.parse(text) as { config: Blob; layers: Blob[] }
    const blobs = [config, ...layers].map((blob) => ({
      hex: blob.digest.slice('sha256:'.length),
      size: blob.size,
    }))
    const repository = 'repositories/hello-world'
    const links = [
      `${repository}/_manifests/tags/test/current/link`,
      `${repository}/_manifests/tags/test/index/sha256/${digest}/link`,
      `${repository}/_manifests/revisions/sha256/${digest}/link`,
      ...blobs.map(({ hex }) => `${repository}/_layers/sha256/${hex}/link`),
    ]
    const contents = [...blobs, { hex: digest, size: text.length }]
    return [
      ...links.map((path) => `71 /srv/vol/docker/registry/v2/${path}`),
      ...contents.map(
        ({ hex, size }) => `${size} /srv/vol/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`,
      ),
    ]
      .map((file) => `-rw-r--r-- root root ${file}`)
      .sort()
  }

  async function untilAnswered(url: string): Promise<void> {
    const answers = async () => (await machine.attempt(['curl', '-sSfk', url])).exitCode === 0
    await until(`${url} answers`, answers, { withinMilliseconds: 30_000 })
  }
})

interface Blob {
  readonly digest: string
  readonly size: number
}
