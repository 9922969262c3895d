/** What the container image is: its size, what it says of itself, what its arguments and its files mean. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import packageFile from '../../package.json'
import { bringBerthImage, IMAGE_TOOLS, RUNTIME_BASE } from '../machine/berth-image.ts'
import { type Machine, startMachine } from '../machine/machine.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { IMAGE, runOnce, startContainer } from './container.ts'

const MOST_ADDED_BYTES = 60_000_000
const SECOND_PATHS = ['/etc/docker/registry', '/etc/distribution']

describeWith('the image', [...IMAGE_TOOLS, 'curl', 'openssl'], () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-image-test-'))
  let machine: Machine

  beforeAll(async () => {
    machine = await startMachine()
    await bringBerthImage(machine, [IMAGE])
  }, 300_000)
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  const once = (...args: string[]) => runOnce(machine, { arguments: args })
  const inspect = async (name: string) => JSON.parse(await machine.run('docker', 'inspect', name))[0]

  test('what it adds to its base is at most 60 MB compressed', async () => {
    const base: string[] = (await inspect(RUNTIME_BASE)).RootFS.Layers
    const layers: string[] = (await inspect(IMAGE)).RootFS.Layers
    expect(layers.slice(0, base.length)).toEqual(base)
    const script = `docker save ${IMAGE} | tar -x -C "$0" && cd "$0" && cat $(tr ',' '\\n' < manifest.json | grep -o '[0-9a-f]*/layer.tar' | tail -n +${base.length + 1}) | gzip | wc -c`
    const bytes = Number(await machine.run('sh', '-c', script, mkdtempSync(join(folder, 'layers-'))))
    console.log(`the image adds ${(bytes / 1e6).toFixed(1)} MB compressed to its base`)
    expect(bytes).toBeGreaterThan(40_000_000)
    expect(bytes).toBeLessThanOrEqual(MOST_ADDED_BYTES)
  })

  test("it says of itself what registry:2's and registry:3's images say", async () => {
    expect((await inspect(IMAGE)).Config).toMatchObject({
      Entrypoint: ['/entrypoint.sh'],
      Cmd: ['serve', '/etc/distribution/config.yml'],
      Volumes: { '/var/lib/registry': {} },
      ExposedPorts: { '5000/tcp': {} },
      Env: expect.arrayContaining(['OTEL_TRACES_EXPORTER=none']),
    })
  })

  test('its arguments mean what they mean there', async () => {
    const version = `registry berth ${packageFile.version}\n`
    expect((await once('--version')).stdout).toBe(version)
    expect((await once('registry', '-v')).stdout).toBe(version)
    expect((await once('help')).stdout).toContain('registry serve')
    expect((await once('sh', '-c', 'echo shell; exit 7')).exitCode).toBe(7)
    expect((await once('/nowhere.yml')).stderr).toContain('/nowhere.yml: there is no such file')
    expect((await once('serve', '/nowhere.yml')).exitCode).toBe(3)
    expect((await once('version')).stdout).toStartWith(`berth ${packageFile.version}\n`)
  })

  test("each of Berth's commands may be given to the image by its name alone", async () => {
    const help = (await once('berth', '--help')).stdout
    const names = [...help.matchAll(/^ {2}([a-z][a-z-]*)(?: \[[^\]]*\]| <[^>]*>)* {2,}/gm)].map(
      ([, name]) => name ?? '',
    )
    expect(names).toContain('healthcheck')
    for (const name of names.filter((each) => each !== 'help'))
      expect(await once(name, '--help')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(name) })
  })

  test('what is started as berth, without a configuration, keeps its images in the volume too', async () => {
    await using container = await startContainer(machine, { arguments: ['berth', 'serve'] })
    expect(await container.exec('ls', '/var/lib/registry')).toContain('berth\n')
  })

  for (const path of SECOND_PATHS) {
    test(`a configuration mounted over ${path} is the one that is read, by either path`, async () => {
      const own = mkdtempSync(join(folder, 'config-'))
      mkdirSync(join(own, 'data'))
      writeFileSync(join(own, 'config.yml'), 'version: 0.1\nstorage: inmemory\nhttp:\n  addr: :5055\n')
      const asFile = ['-v', `${join(own, 'config.yml')}:${path}/config.yml`]
      const asFolder = ['-v', `${own}:${path}`]
      const starts = SECOND_PATHS.map((each) => ({ options: asFile, arguments: [`${each}/config.yml`] }))
      for (const plan of [{ options: asFile }, { options: asFolder }, ...starts]) {
        await using container = await startContainer(machine, plan)
        expect(await machine.run('curl', '-sSf', `http://${container.host}:5055/v2/`)).toBe('{}')
      }
    })
  }

  test('its own configuration lets people delete, and a variable forbids it', async () => {
    const untag = async (options: string[]) => {
      await using container = await startContainer(machine, { options })
      const url = `http://${container.host}:5000/v2/app/manifests/none`
      return await machine.run('curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', '-X', 'DELETE', url)
    }
    expect(await untag([])).toBe('404')
    expect(await untag(['-e', 'REGISTRY_STORAGE_DELETE_ENABLED=false'])).toBe('405')
  })

  test('it tells its metrics where registry:3 does', async () => {
    await using container = await startContainer(machine)
    const metrics = await machine.run('curl', '-sSf', `http://${container.host}:5001/metrics`)
    expect(metrics).toContain('# TYPE registry_http_in_flight_requests gauge')
  })

  test('who was told to move registry:2 to port 5001 finds the registry there, not the metrics', async () => {
    const options = ['-e', 'REGISTRY_HTTP_ADDR=0.0.0.0:5001', '-p', '5001:5001']
    await using container = await startContainer(machine, { options })
    expect(await machine.run('curl', '-sSf', `http://${container.host}:5001/v2/`)).toBe('{}')
  })

  test('the commands that people run in it every night go on', async () => {
    await using container = await startContainer(machine)
    await container.pushAndPull('garbage')
    for (const file of SECOND_PATHS.map((path) => `${path}/config.yml`)) {
      const command = ['registry', 'garbage-collect', '--dry-run', '--delete-untagged', file]
      expect(await container.exec(...command)).toContain(
        '0 blobs marked, 1 blobs and 0 manifests eligible for deletion',
      )
      const asGo = ['--dry-run=true', '--delete-untagged=true', file]
      expect(await container.exec('/bin/registry', 'garbage-collect', ...asGo)).toContain('eligible')
    }
    await container.stop()
    const alone = await runOnce(machine, {
      options: ['--volumes-from', container.name],
      arguments: ['garbage-collect', '-d', '/etc/docker/registry/config.yml'],
    })
    expect(alone.stdout).toContain('0 blobs marked, 1 blobs and 0 manifests eligible for deletion')
  })

  test('Docker finds it healthy, wherever it was told to listen', async () => {
    const health = ['--health-interval', '1s']
    for (const args of [[], ['serve', '--addr', ':8080'], ['serve', '--addr', 'unix:/tmp/registry.sock']]) {
      await using container = await startContainer(machine, { options: health, arguments: args })
      const isHealthy = async () => (await inspect(container.name)).State.Health.Status === 'healthy'
      await until(`${args.join(' ')} is healthy`, isHealthy, { withinMilliseconds: 30_000 })
    }
  })

  test("health checks that people have written for registry:2's image go on", async () => {
    const check = 'wget --spider -q http://localhost:5000/v2/'
    const options = ['--health-interval', '1s', '--health-cmd', check]
    await using container = await startContainer(machine, { options })
    const isHealthy = async () => (await inspect(container.name)).State.Health.Status === 'healthy'
    await until('it is healthy', isHealthy, { withinMilliseconds: 30_000 })
  })

  test('it is healthy over TLS too, and where only clients with a certificate are let in', async () => {
    const certificates = mkdtempSync(join(folder, 'certificates-'))
    const files = ['-keyout', join(certificates, 'key.pem'), '-out', join(certificates, 'cert.pem')]
    await machine.run(
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=registry',
      ...files,
    )
    const tls = ['CERTIFICATE=/tls/cert.pem', 'KEY=/tls/key.pem'].flatMap((each) => [
      '-e',
      `REGISTRY_HTTP_TLS_${each}`,
    ])
    const mount = ['-v', `${certificates}:/tls:ro`]
    for (const authorities of [[], ['-e', 'REGISTRY_HTTP_TLS_CLIENTCAS=[/tls/cert.pem]']]) {
      await using container = await startContainer(machine, { options: [...mount, ...tls, ...authorities] })
      expect(await container.exec('registry', 'healthcheck')).toStartWith('ready')
      const plain = await machine.attempt(['curl', '-sk', `https://${container.host}:5000/v2/`])
      expect(plain.stdout).toBe(authorities.length === 0 ? '{}' : '')
    }
  })

  test('a health check where nothing answers fails, and says whom it has asked', async () => {
    const { exitCode, stderr } = await once('healthcheck')
    expect(exitCode).toBe(1)
    expect(stderr).toStartWith('berth: No answer from the registry at [::]:5000: ')
  })

  test('docker stop ends it with 0, with the init of Docker as its first process too', async () => {
    for (const options of [[], ['--init']]) {
      await using container = await startContainer(machine, { options })
      await container.pushAndPull('stopped')
      expect(await container.stop()).toBe(0)
    }
  })
})
