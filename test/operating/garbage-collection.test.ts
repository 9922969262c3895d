/**
 * `berth garbage-collect` tells of a volume what distribution's own command tells of the same volume, line by line:
 * Debian's docker-registry (2.8) and distribution 3.1. Where it differs, it is because those would break images.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseMediaType } from '../../src/oci/media-type.ts'
import { type BerthServer, FROM_SOURCE, startBerth } from '../berth-server.ts'
import { deleteManifest, pushBlob, pushImage, pushManifest } from '../clients/push.ts'
import { artifactOf, multiArchImage, smallImage } from '../clients/sample-images.ts'
import { startDockerRegistry } from '../peer/docker-registry.ts'
import { type PostgresServer, startPostgres } from '../postgres-server.ts'
import { sample } from '../sample-content.ts'
import { type CommandResult, tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'

setDefaultTimeout(60_000)

const scratch = mkdtempSync(join(tmpdir(), 'berth-gc-test-'))
const data = join(scratch, 'data')
const [kept, replaced, loose, multi] = [
  smallImage('kept'),
  smallImage('replaced'),
  smallImage('loose'),
  multiArchImage('gc'),
]
const signature = artifactOf(kept.root, 'application/vnd.example.signature.v1')
const orphan = sample(parseMediaType('application/octet-stream'), 'a blob that no manifest refers to')

beforeAll(async () => {
  await using berth = await startBerth({ data })
  await pushImage(berth.url, 'team/app', '1', replaced)
  await pushImage(berth.url, 'team/app', '1', kept)
  await pushImage(berth.url, 'team/app', null, signature)
  await pushImage(berth.url, 'team/multi', 'latest', multi)
  await pushImage(berth.url, 'by-digest', null, loose)
  // Without any tag 2.8 fails and 3.1 passes the whole repository over.
  await pushImage(berth.url, 'by-digest', 'tagged', kept)
  await pushManifest(berth.url, 'team/app', 'again', kept.root)
  await pushBlob(berth.url, 'team/app', orphan)
  await berth.stop()
})
afterAll(() => rmSync(scratch, { recursive: true }))

/** What was pushed a moment ago is no push under way any more. */
const SHORT_LEASE = { BERTH_UNSAFESHORTGRACE: 'true', BERTH_COLLECTION_LEASE: '1ms' }

function collect(...flags: string[]): Promise<CommandResult> {
  return collectOn(data, ...flags)
}

function collectOn(folder: string, ...flags: string[]): Promise<CommandResult> {
  return tryBerth({}, ...flags, '--data', folder)
}

/** A server that has just started goes through the folder first. */
async function collectOnceKnown(folder: string, ...flags: string[]): Promise<CommandResult> {
  const isKnown = async () => (await collectOn(folder, '-d')).exitCode === 0
  await until('it has gone through the folder', isKnown, { withinMilliseconds: 20_000 })
  return await collectOn(folder, ...flags)
}

function tryBerth(env: Record<string, string>, ...flags: string[]): Promise<CommandResult> {
  const [program = '', ...args] = FROM_SOURCE
  return tryCommand(program, [...args, 'garbage-collect', ...flags], { env })
}

/** Distribution's command on the same folder. */
async function collectWith(program: string, folder: string, ...flags: string[]): Promise<Set<string>> {
  const config = join(scratch, 'config.yml')
  const storage = { filesystem: { rootdirectory: folder }, delete: { enabled: true } }
  writeFileSync(config, JSON.stringify({ version: '0.1', storage, http: { addr: ':0' } }))
  const env = { OTEL_TRACES_EXPORTER: 'none' }
  const { stdout, stderr, exitCode } = await tryCommand(program, ['garbage-collect', ...flags, config], {
    env,
  })
  if (exitCode !== 0) throw new Error(stderr)
  return new Set(
    stdout
      .split('\n')
      .map(withoutGo)
      .filter((line) => !line.includes('layer link eligible')),
  )
}

/** 3.1 writes a manifest as Go prints a struct. */
function withoutGo(line: string): string {
  return line.replace(/^(manifest eligible for deletion: )\{\S+ (\S+) \[.*\]\}$/, '$1$2')
}

function isNoCount(line: string): boolean {
  return !/^\d+ blobs marked/.test(line)
}

function linesOf({ stdout }: CommandResult): Set<string> {
  return new Set(stdout.split('\n'))
}

function marked(repository: string, digest: string): string {
  return `${repository}: marking manifest ${digest} `
}

describeWith(
  'against docker-registry 2.8 and distribution 3.1',
  ['docker-registry', 'registry'],
  (programs) => {
    test('without -m, the lines are the same', async () => {
      const own = await collect('-d')
      expect(own.exitCode).toBe(0)
      expect(own.stderr).toBe('')
      expect(linesOf(own)).toEqual(await collectWith(programs['docker-registry'], data, '-d'))
      // 3.1 tells of each blob once, where it meets it first.
      const newer = await collectWith(programs.registry, data, '-d')
      expect([...newer.difference(linesOf(own))]).toEqual([])
      const repeated = [...linesOf(own).difference(newer)]
      expect(repeated.filter((line) => !line.includes(': marking blob '))).toEqual([])
      expect(own.stdout).toContain(`\nblob eligible for deletion: ${orphan.digest}\n`)
    })

    test("a flag may be set as Go's are", async () => {
      const own = linesOf(await collect('--delete-untagged=true', '-d=1'))
      expect(own).toEqual(linesOf(await collect('-d', '-m')))
      const without = await collect('--dry-run=true', '--delete-untagged=false')
      const theirs = await collectWith(
        programs['docker-registry'],
        data,
        '--dry-run=true',
        '--delete-untagged=false',
      )
      expect(linesOf(without)).toEqual(theirs)
    })

    test('with -m, they differ by what those would break', async () => {
      const own = linesOf(await collect('-d', '-m'))
      const theirs = await collectWith(programs.registry, data, '-d', '-m')
      const artifact = [signature.root, ...signature.blobs].map(({ digest }) => digest)
      // 3.1 keeps the parts of a tagged index without saying so, takes signatures away, and passes over a repository
      // that has no tags at all.
      expect([...own.difference(theirs)].filter(isNoCount)).toEqual(
        expect.arrayContaining([
          marked('team/app', signature.root.digest),
          ...multi.children.map(({ digest }) => marked('team/multi', digest)),
        ]),
      )
      expect([...theirs.difference(own)].filter(isNoCount).toSorted()).toEqual([
        ...artifact.map((digest) => `blob eligible for deletion: ${digest}`).toSorted(),
        `manifest eligible for deletion: ${signature.root.digest}`,
      ])
      for (const { root } of [replaced, loose]) {
        expect(own.has(`manifest eligible for deletion: ${root.digest}`)).toBe(true)
      }
      // 2.8 takes the parts of a tagged index away: none of these may be among ours.
      const old = await collectWith(programs['docker-registry'], data, '-d', '-m')
      const broken = multi.children.map(({ digest }) => `manifest eligible for deletion: ${digest}`)
      expect(broken.filter((line) => old.has(line))).toEqual(broken)
      expect(broken.filter((line) => own.has(line))).toEqual([])
    })
  },
)

describeWith('on a folder that docker-registry filled', ['docker-registry'], (programs) => {
  test('what it left behind when it deleted is garbage, once Berth has gone through the folder', async () => {
    const folder = join(scratch, 'filled-by-another')
    const gone = smallImage('gone')
    {
      await using peer = await startDockerRegistry({ data: folder })
      await pushImage(peer.url, 'team/app', '1', kept)
      await pushImage(peer.url, 'team/app', '2', gone)
      await deleteManifest(peer.url, 'team/app', gone.root.digest)
    }
    makeOld(folder)
    const before = await collectOn(folder, '-d')
    expect(before).toMatchObject({ exitCode: 1, stdout: '' })
    await using berth = await startBerth({ data: folder })
    const own = await collectOnceKnown(folder, '-d')
    await berth.stop()
    expect(linesOf(own)).toEqual(await collectWith(programs['docker-registry'], folder, '-d'))
    expect(own.stdout).toContain(`blob eligible for deletion: ${gone.root.digest}`)
    expect(linesOf(await collectOn(folder, '-d'))).toEqual(linesOf(own))
  })

  test('what another registry deleted, and Berth had known, is told of as what it is: in the trash', async () => {
    const folder = join(scratch, 'used-by-both')
    const gone = smallImage('deleted elsewhere')
    await startAndStop(folder, (url) => pushImage(url, 'team/app', '1', gone))
    {
      await using peer = await startDockerRegistry({ data: folder })
      await deleteManifest(peer.url, 'team/app', gone.root.digest)
    }
    makeOld(folder)
    await startAndStop(folder, () => collectOnceKnown(folder, '-d'))
    const own = await collectOn(folder, '-d')
    expect(own.stdout).not.toContain(gone.root.digest)
    expect(own.stderr).toBe('More blobs are in the trash, so that what was deleted can be restored: 4.\n')
  })
})

describeWith('on PostgreSQL', ['initdb', 'postgres'], () => {
  let postgres: PostgresServer
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres.stop())

  test('the command alone finds what the server finds', async () => {
    const env = { ...SHORT_LEASE, BERTH_DATABASE_URL: await postgres.createDatabase() }
    const folder = join(scratch, 'on-postgres')
    await using berth = await startBerth({ data: folder, env })
    await pushImage(berth.url, 'team/app', '1', kept)
    await pushImage(berth.url, 'team/app', null, loose)
    const asked = await collectOnceKnown(folder, '-d', '-m')
    await berth.stop()
    const alone = await tryBerth(env, '-d', '-m', '--data', folder)
    expect(alone.exitCode).toBe(0)
    expect(linesOf(alone)).toEqual(linesOf(asked))
    expect(alone.stdout).toContain(`manifest eligible for deletion: ${loose.root.digest}`)
  })

  test('where another replica may be at work, what was pushed just now is no garbage', async () => {
    const env = { BERTH_DATABASE_URL: await postgres.createDatabase() }
    const folder = join(scratch, 'beside-replicas')
    await using berth = await startBerth({ data: folder, env })
    await pushImage(berth.url, 'team/app', null, loose)
    const asked = await collectOnceKnown(folder, '-d', '-m')
    await berth.stop()
    const alone = await tryBerth(env, '-d', '-m', '--data', folder)
    for (const { stdout } of [asked, alone])
      expect(stdout).toContain(' and 0 manifests eligible for deletion')
  })
})

async function startAndStop(folder: string, work: (url: string) => Promise<unknown>): Promise<void> {
  await using berth = await startBerth({ data: folder })
  await work(berth.url)
  await berth.stop()
}

/** As if everything had been pushed yesterday: what is new may be a push under way. */
function makeOld(folder: string): void {
  const yesterday = new Date(Date.now() - 86_400_000)
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('/data')) utimesSync(join(folder, name), yesterday, yesterday)
  }
}

test('-q says nothing', async () => {
  expect(await collect('-d', '-q')).toMatchObject({ exitCode: 0, stdout: '', stderr: '' })
})

test.each([1, 2])('a server that runs, with %d workers, is asked by its control socket', async (workers) => {
  const alone = await collect('-d', '-m')
  await using berth = await startBerth({ data, env: { ...SHORT_LEASE, BERTH_WORKERS: String(workers) } })
  const asked = await collectOnceKnown(data, '-d', '-m')
  expect(linesOf(asked)).toEqual(linesOf(alone))
  const lines = await requestsAtSocket(berth)
  expect(lines).toMatchObject({ workers, database: 'sqlite', problems: {} })
})

/** What the control socket tells, as its owner reads it. */
async function requestsAtSocket({ data: root }: BerthServer): Promise<unknown> {
  const answer = await fetch('http://localhost/api/v1/status', { unix: join(root, 'berth/control.sock') })
  return await answer.json()
}

test('a folder that Berth does not know is no garbage', async () => {
  const elsewhere = await collectOn(join(scratch, 'other'), '-d')
  expect(elsewhere.exitCode).toBe(1)
  expect(elsewhere.stderr).toContain('Berth has no database at')
})
