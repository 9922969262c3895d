/** The files under deploy/ with which people start Berth: compose, systemd, Kubernetes. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE, launchBerth } from '../berth-server.ts'
import { bringBerthImage, IMAGE_TOOLS } from '../machine/berth-image.ts'
import { type Machine, startMachine } from '../machine/machine.ts'
import { tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { IMAGE, startContainer } from './container.ts'
import { bringKubernetesSchemas } from './kubernetes-schemas.ts'

const deploy = join(import.meta.dir, '../../deploy')
const folder = mkdtempSync(join(tmpdir(), 'berth-deployment-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describeWith('the systemd units', ['systemd-analyze'], (tools) => {
  const units = ['berth.service', 'berth-proxy.socket', 'berth-proxy.service']

  /** With this program, for systemd looks whether there is one. */
  function copyUnits(program: string): string[] {
    const copies = mkdtempSync(join(folder, 'units-'))
    return units.map((name) => {
      const text = readFileSync(join(deploy, 'systemd', name), 'utf8')
      writeFileSync(join(copies, name), text.replaceAll('/usr/local/bin/berth', program))
      return join(copies, name)
    })
  }

  test('are units that systemd has nothing to say against', async () => {
    const verified = await tryCommand(tools['systemd-analyze'], ['verify', ...copyUnits('/bin/true')])
    expect(verified).toEqual({ exitCode: 0, stdout: '', stderr: '' })
    const broken = await tryCommand(tools['systemd-analyze'], ['verify', ...copyUnits('/bin/no-berth')])
    expect(broken.exitCode).toBe(1)
  })

  test('end the service later than Berth ends itself, and start it again where that can help', () => {
    const unit = readFileSync(join(deploy, 'systemd/berth.service'), 'utf8')
    expect(unit).toContain('RestartPreventExitStatus=2 3 4')
    expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThan(10)
  })

  test('let a proxy of another user connect to the socket, and nobody look into the data', async () => {
    const unit = readFileSync(join(deploy, 'systemd/berth.service'), 'utf8')
    const [, umask = ''] = /^UMask=(\d+)$/m.exec(unit) ?? []
    const socket = join(folder, 'registry.sock')
    const program = ['sh', '-c', `umask ${umask}; exec "$@"`, 'sh', ...FROM_SOURCE]
    await using berth = await launchBerth({ program, env: { REGISTRY_HTTP_ADDR: `unix:${socket}` } })
    await until('Berth listens', () => berth.log().includes(`listening on ${socket}`))
    expect(statSync(socket).mode & 0o777).toBe(0o666)
    expect(unit).toContain('\nStateDirectoryMode=0700\n')
  })
})

test('the Dockerfile says nothing of an architecture: what it builds is for the one that it is built on', () => {
  const lines = ['Dockerfile', 'image/entrypoint.sh'].flatMap((name) =>
    readFileSync(join(deploy, name), 'utf8').split('\n'),
  )
  const told = lines.filter((line) => !line.startsWith('#') && /amd64|x86|x64|arm|aarch/i.test(line))
  expect(told).toEqual([])
})

describeWith('the Kubernetes objects', ['kubeconform', 'pip3'], (tools) => {
  const file = join(deploy, 'kubernetes.yaml')

  test("follow Kubernetes' schemas, unknown keys included", async () => {
    const schemas = ['-strict', '-schema-location', await bringKubernetesSchemas(tools.pip3)]
    expect(await tryCommand(tools.kubeconform, [...schemas, file])).toMatchObject({ exitCode: 0, stdout: '' })
    const misspelled = readFileSync(file, 'utf8').replace('runAsNonRoot', 'runAsNoRoot')
    const refused = await tryCommand(tools.kubeconform, [...schemas, '-'], { stdin: misspelled })
    expect(refused).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('runAsNoRoot') })
  }, 60_000)

  test('name no namespace, and refer to what is there', () => {
    const objects = Bun.YAML.parse(readFileSync(file, 'utf8')) as KubernetesObject[]
    const find = (kind: string) => objects.find((each) => each.kind === kind)
    expect(objects.map(({ metadata }) => metadata.namespace)).toEqual(objects.map(() => undefined))
    const pod = find('Deployment')?.spec.template
    expect(pod?.metadata.labels).toEqual(find('Deployment')?.spec.selector.matchLabels)
    expect(pod?.metadata.labels).toEqual(find('Service')?.spec.selector)
    const [container] = pod?.spec.containers ?? []
    const names = pod?.spec.volumes.map(({ name }) => name)
    expect(container?.volumeMounts.map(({ name }) => name)).toEqual(names ?? [])
    expect(find('Service')?.spec.ports?.[0]?.targetPort).toBe(container?.ports[0]?.name ?? '')
  })
})

describeWith('with a Docker Engine', [...IMAGE_TOOLS, 'curl', 'docker-compose'], () => {
  let machine: Machine

  beforeAll(async () => {
    machine = await startMachine()
    await bringBerthImage(machine, [IMAGE, 'berth:latest'])
  }, 300_000)
  afterAll(() => machine?.[Symbol.asyncDispose]())

  test('the pod of deploy/kubernetes.yaml runs as it says, and answers its probes', async () => {
    const objects = Bun.YAML.parse(
      readFileSync(join(deploy, 'kubernetes.yaml'), 'utf8'),
    ) as KubernetesObject[]
    const pod = objects.find(({ kind }) => kind === 'Deployment')?.spec.template.spec
    const settings = objects.find(({ kind }) => kind === 'ConfigMap')?.data?.['config.yml'] ?? ''
    const [container] = pod?.containers ?? []
    if (pod === undefined || container === undefined) throw new Error('there is no pod')
    const { runAsUser, runAsGroup, fsGroup } = pod.securityContext
    const [data, config] = ['data', 'config'].map((name) => join(folder, name))
    for (const path of [data, config]) mkdirSync(path ?? '')
    // As Kubernetes prepares a volume for an fsGroup.
    chownSync(data ?? '', 0, fsGroup)
    chmodSync(data ?? '', 0o2775)
    writeFileSync(join(config ?? '', 'config.yml'), settings)
    const sources: Record<string, string> = { data: `${data}`, config: `${config}` }
    const mounts = container.volumeMounts.flatMap(({ name, mountPath, readOnly }) => [
      '-v',
      `${sources[name]}:${mountPath}${readOnly === true ? ':ro' : ''}`,
    ])
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    const strict = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']
    await using running = await startContainer(machine, {
      options: ['--user', `${runAsUser}:${runAsGroup}`, ...strict, ...mounts],
      arguments: container.args,
    })
    await running.pushAndPull('from a pod')
    for (const { httpGet } of [container.startupProbe, container.livenessProbe, container.readinessProbe])
      await machine.run(
        'curl',
        '-sSf',
        `http://${running.host}:${container.ports[0]?.containerPort}${httpGet.path}`,
      )
  })

  test('docker-compose starts the registry of deploy/compose.yaml, with its data beside it', async () => {
    const place = join(folder, 'compose')
    mkdirSync(place)
    cpSync(join(deploy, 'compose.yaml'), join(place, 'compose.yaml'))
    const compose = ['docker-compose', '-f', join(place, 'compose.yaml')]
    await machine.run(...compose, 'up', '-d', '--no-build')
    const answers = async () =>
      (await machine.attempt(['curl', '-sSf', 'http://localhost:5000/readyz'])).exitCode === 0
    await until('the registry answers on port 5000', answers, { withinMilliseconds: 30_000 })
    expect(existsSync(join(place, 'data/berth/berth.db'))).toBe(true)
    await machine.run(...compose, 'down')
  })
})

/** What of the objects is looked at here. */
interface KubernetesObject {
  readonly kind: string
  readonly metadata: { readonly namespace?: string }
  readonly data?: Readonly<Record<string, string>>
  readonly spec: {
    readonly selector: { readonly matchLabels: object }
    readonly ports?: readonly { readonly targetPort: string }[]
    readonly template: {
      readonly metadata: { readonly labels: object }
      readonly spec: {
        readonly securityContext: {
          readonly runAsUser: number
          readonly runAsGroup: number
          readonly fsGroup: number
        }
        readonly containers: readonly KubernetesContainer[]
        readonly volumes: readonly { readonly name: string }[]
      }
    }
  }
}

interface Probe {
  readonly httpGet: { readonly path: string }
}

interface KubernetesContainer {
  readonly args: readonly string[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly securityContext: object
  readonly startupProbe: Probe
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
  readonly volumeMounts: readonly {
    readonly name: string
    readonly mountPath: string
    readonly readOnly?: boolean
  }[]
}
