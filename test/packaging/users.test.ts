/** Whom the image's server runs as, and what it may: volumes, keys and users as people have them. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bringBerthImage, IMAGE_TOOLS } from '../machine/berth-image.ts'
import { type Machine, startMachine } from '../machine/machine.ts'
import { command } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { type Container, IMAGE, runOnce, startContainer } from './container.ts'

const ROOT = 0
const PERSON = 1000
/** CAP_DAC_OVERRIDE and CAP_NET_BIND_SERVICE. */
const KEPT_RIGHTS = '0000000000000402'

describeWith('the user of the image', [...IMAGE_TOOLS, 'curl', 'openssl'], () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-users-test-'))
  let machine: Machine

  beforeAll(async () => {
    machine = await startMachine()
    await bringBerthImage(machine, [IMAGE])
  }, 300_000)
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  function newFolder(owner: number): string {
    const path = mkdtempSync(join(folder, 'data-'))
    chownSync(path, owner, owner)
    return path
  }
  const start = (data: string, ...options: string[]) =>
    startContainer(machine, { options: ['-v', `${data}:/var/lib/registry`, ...options] })

  test('a folder that Docker has made belongs to root, who stays, and one line says so', async () => {
    const data = join(folder, 'made-by-docker')
    await using container = await start(data)
    await container.pushAndPull('of root')
    expect(await userOf(container)).toMatchObject({ uid: ROOT })
    expect(await container.log()).toContain('msg="running as root, who owns /var/lib/registry')
    expect(ownersBelow(data)).toEqual([ROOT])
  })

  test("a person's folder makes the server that person, with the right to files of others alone", async () => {
    const data = newFolder(PERSON)
    await using container = await start(data, '-e', 'BERTH_WORKERS=2')
    await container.pushAndPull('of a person')
    const user = { uid: PERSON, gid: PERSON, groups: '', rights: KEPT_RIGHTS, bounding: KEPT_RIGHTS }
    expect(await userOf(container)).toEqual(user)
    for (const child of await childrenOf(container)) expect(await userOf(container, child)).toEqual(user)
    expect(await container.log()).toContain(
      'msg="running as user 1000, who owns /var/lib/registry, and may use files of other owners (CAP_DAC_OVERRIDE)"',
    )
    expect(ownersBelow(data)).toEqual([PERSON])
  })

  test('variables with a hyphen in their names reach the server, whoever it runs as', async () => {
    const variable = 'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin=[http://ui.example.com]'
    for (const [owner, ...options] of [
      [ROOT],
      [PERSON],
      [PERSON, '--user', `${PERSON}:${PERSON}`],
    ] as const) {
      await using container = await start(newFolder(owner), '-e', variable, ...options)
      const reply = await machine.run('curl', '-sSi', `http://${container.host}:5000/v2/`)
      expect(reply).toContain('Access-Control-Allow-Origin: http://ui.example.com\r\n')
    }
  }, 30_000)

  test("root's own files can be read by it, and what root has left in the folder be written", async () => {
    const data = newFolder(PERSON)
    {
      await using earlier = await start(data)
      await earlier.pushAndPull('first')
      await earlier.stop()
    }
    await machine.run('chown', '-R', '0:0', join(data, 'docker'))
    await machine.run('chmod', '-R', 'go-rwx', join(data, 'docker'))
    const config = join(folder, 'secret.yml')
    writeFileSync(config, 'version: 0.1\nstorage: filesystem\nhttp:\n  addr: :5000\n', { mode: 0o600 })
    await using container = await start(data, '-v', `${config}:/etc/docker/registry/config.yml`)
    expect(await userOf(container)).toMatchObject({ uid: PERSON })
    await container.pushAndPull('second')
    await container.pushAndPull('first')
  })

  test("root's key of mode 0600 is read by it, and read again when it is renewed", async () => {
    const certificates = mkdtempSync(join(folder, 'certificates-'))
    const first = await makeCertificate(certificates)
    await using container = await start(
      newFolder(PERSON),
      ...['-v', `${certificates}:/certificates:ro`],
      ...['-e', 'REGISTRY_HTTP_TLS_CERTIFICATE=/certificates/server.crt'],
      ...['-e', 'REGISTRY_HTTP_TLS_KEY=/certificates/server.key'],
    )
    expect(await userOf(container)).toMatchObject({ uid: PERSON })
    expect(statSync(join(certificates, 'server.key'))).toMatchObject({ uid: ROOT, mode: 0o100600 })
    const presents = async (certificate: string) => {
      const name = ['--resolve', `registry.test:5000:${container.host}`, '--cacert', certificate]
      return (
        (await machine.attempt(['curl', '-sSf', ...name, 'https://registry.test:5000/v2/'])).exitCode === 0
      )
    }
    expect(await presents(first)).toBe(true)
    const second = await makeCertificate(certificates)
    const isRenewed = async () => (await presents(second)) && !(await presents(first))
    await until('the renewed certificate alone is presented', isRenewed, { withinMilliseconds: 30_000 })
  })

  test('it serves as any user whom the folder belongs to, without rights and on a read-only root', async () => {
    const strict = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']
    await using container = await start(newFolder(PERSON), '--user', '1000:1000', ...strict)
    await container.pushAndPull('strict')
    expect(await userOf(container)).toMatchObject({ uid: PERSON, rights: '0000000000000000' })
    expect(await container.log()).not.toMatch(/level=(warning|error).*(EROFS|EACCES|read-only)/i)
  })

  test('root serves on a read-only root, and becomes nobody else where it may not', async () => {
    for (const data of [newFolder(PERSON), newFolder(ROOT)]) {
      await using container = await start(data, '--read-only')
      await container.pushAndPull('read-only')
    }
    await using container = await start(newFolder(ROOT), '--read-only', '--cap-drop', 'ALL')
    await container.pushAndPull('without rights')
    await using bounded = await start(newFolder(PERSON), '--cap-drop', 'SETUID')
    expect(await userOf(bounded)).toMatchObject({ uid: ROOT })
    expect(await bounded.log()).toContain('msg="running as root; user 1000 owns /var/lib/registry"')
  })

  test('where it becomes the owner but may keep no rights, it does without them', async () => {
    const rights = ['--cap-drop', 'ALL', '--cap-add', 'SETUID', '--cap-add', 'SETGID']
    await using container = await start(newFolder(PERSON), ...rights)
    await container.pushAndPull('fewer rights')
    expect(await userOf(container)).toMatchObject({ uid: PERSON, rights: '0000000000000000' })
  })

  test('a user who cannot write to the folder is told so, and what to do', async () => {
    const options = ['-v', `${newFolder(ROOT)}:/var/lib/registry`, '--user', '4321']
    const refused = await runOnce(machine, { options })
    expect(refused.exitCode).toBe(3)
    expect(refused.stderr).toEndWith(
      'berth: The folder /var/lib/registry belongs to user 0, and user 4321, as whom Berth runs, cannot write there (EACCES). ' +
        'Run "chown -R 4321 /var/lib/registry" as root, start Berth as user 0, or choose another data folder with --data.\n',
    )
  })

  test('what an earlier server of root has left is told by name, and so is a read-only volume', async () => {
    const data = newFolder(ROOT)
    {
      await using earlier = await start(data)
      await earlier.pushAndPull('as root')
    }
    chownSync(data, PERSON, PERSON)
    const volume = ['-v', `${data}:/var/lib/registry`]
    const refused = await runOnce(machine, { options: [...volume, '--user', '1000'] })
    expect(refused.stderr).toContain(
      'berth: The folder /var/lib/registry/berth belongs to user 0, and user 1000',
    )
    const unwritable = await runOnce(machine, { options: ['-v', `${data}:/var/lib/registry:ro`] })
    expect(unwritable.stderr).toContain('berth: The folder /var/lib/registry lies on a read-only file system')
  })

  test('memory as storage needs a place for its database too, and says so on a read-only root', async () => {
    const refused = await runOnce(machine, { options: ['--read-only', '-e', 'REGISTRY_STORAGE=inmemory'] })
    expect(refused.stderr).toContain(
      'berth: With storage in memory the database needs a temporary folder, and /tmp',
    )
    await using container = await startContainer(machine, {
      options: ['--read-only', '--tmpfs', '/tmp', '-e', 'REGISTRY_STORAGE=inmemory'],
    })
    await container.pushAndPull('in memory')
  })
})

/** Puts a new key and its certificate there, as root's; gives a copy of the certificate. */
async function makeCertificate(place: string): Promise<string> {
  const files = ['-keyout', join(place, 'server.key'), '-out', join(place, 'server.crt')]
  const name = ['-subj', '/CN=registry.test', '-addext', 'subjectAltName=DNS:registry.test']
  await command('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...files, ...name])
  chmodSync(join(place, 'server.key'), 0o600)
  const copy = join(place, `${crypto.randomUUID()}.crt`)
  copyFileSync(join(place, 'server.crt'), copy)
  return copy
}

/** Of the first process, or of another one: numbers, and rights in hexadecimal digits. */
async function userOf(container: Container, process = '1') {
  const status = await container.exec('cat', `/proc/${process}/status`)
  const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*?) ?$`, 'm').exec(status)?.[1] ?? 'none'
  const [uid, gid] = ['Uid', 'Gid'].map((name) => Number(field(name).split('\t')[1]))
  return { uid, gid, groups: field('Groups'), rights: field('CapEff'), bounding: field('CapBnd') }
}

async function childrenOf(container: Container): Promise<string[]> {
  const children = (await container.exec('cat', '/proc/1/task/1/children')).trim().split(' ')
  expect(children).toHaveLength(3)
  return children
}

/** The users that own what lies below the folder. */
function ownersBelow(path: string): number[] {
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' })
  return [...new Set(names.map((name) => statSync(join(path, name)).uid))]
}
