/**
 * `berth garbage-collect` without `--dry-run`: all that it tells of goes, beside a server and without one, and nothing
 * that an image or the trash needs.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseDigest } from '../../src/oci/digest.ts'
import { parseMediaType } from '../../src/oci/media-type.ts'
import { blobDataPath } from '../../src/storage/layout.ts'
import { FROM_SOURCE, startBerth } from '../berth-server.ts'
import { deleteManifest, pushBlob, pushImage } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import { startDockerRegistry } from '../peer/docker-registry.ts'
import { type Sample, sample } from '../sample-content.ts'
import { type CommandResult, tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'

setDefaultTimeout(60_000)

const scratch = mkdtempSync(join(tmpdir(), 'berth-gc-deletion-test-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** What a push has named is left alone for this long. */
const SHORT = {
  BERTH_UNSAFESHORTGRACE: 'true',
  BERTH_COLLECTION_LEASE: '100ms',
  BERTH_COLLECTION_ENABLED: 'false',
}
const [kept, loose] = [smallImage('kept'), smallImage('loose')]

interface Stored {
  readonly digest: string
}

function newOrphan(name: string): Sample {
  return sample(parseMediaType('application/octet-stream'), `a blob that no manifest refers to: ${name}`)
}

function collect(folder: string, ...flags: string[]): Promise<CommandResult> {
  const [program = '', ...args] = FROM_SOURCE
  return tryCommand(program, [...args, 'garbage-collect', ...flags, '--data', folder], { env: SHORT })
}

/** Once the server knows the folder, and no lease runs. */
async function collectUntilGone(
  folder: string,
  { digest }: Stored,
  ...flags: string[]
): Promise<CommandResult> {
  let last: CommandResult | null = null
  await until(
    'it is gone',
    async () => {
      last = await collect(folder, ...flags)
      return !isThere(folder, digest)
    },
    { withinMilliseconds: 30_000 },
  )
  if (last === null) throw new Error('nothing was collected')
  return last
}

function isThere(folder: string, digest: string): boolean {
  return existsSync(join(folder, blobDataPath(parseDigest(digest))))
}

function requireImage(folder: string, image: typeof kept): void {
  for (const { digest } of [image.root, ...image.blobs]) expect(isThere(folder, digest)).toBe(true)
}

function condemnedFiles(folder: string): string[] {
  return readdirSync(join(folder, 'berth/condemned'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.includes('sha256-'),
  )
}

test('without a server, content that nothing needs goes, and its space is free at once', async () => {
  const folder = join(scratch, 'alone')
  const orphan = newOrphan('alone')
  {
    await using berth = await startBerth({ data: folder, env: SHORT })
    await pushImage(berth.url, 'team/app', '1', kept)
    await pushBlob(berth.url, 'team/app', orphan)
    await berth.stop()
  }
  const { exitCode, stderr } = await collectUntilGone(folder, orphan)
  expect(exitCode).toBe(0)
  expect(stderr).toMatch(/\d+ blobs were deleted/)
  requireImage(folder, kept)
  expect(condemnedFiles(folder)).toEqual([])
})

test.each([1, 2])('a server that runs, with %d workers, collects when it is asked to', async (workers) => {
  const folder = join(scratch, `beside-${workers}`)
  const orphan = newOrphan(`beside ${workers}`)
  await using berth = await startBerth({ data: folder, env: { ...SHORT, BERTH_WORKERS: String(workers) } })
  await pushImage(berth.url, 'team/app', '1', kept)
  await pushBlob(berth.url, 'team/app', orphan)
  await collectUntilGone(folder, orphan, '-q')
  requireImage(folder, kept)
  // For those who were pushing it just then.
  expect(condemnedFiles(folder)).toHaveLength(1)
})

test('with -m, manifests that no tag names go into the trash, and it says until when they can be restored', async () => {
  const folder = join(scratch, 'untagged')
  await using berth = await startBerth({ data: folder, env: SHORT })
  await pushImage(berth.url, 'team/app', '1', kept)
  await pushImage(berth.url, 'team/app', null, loose)
  const manifest = `${berth.url}/v2/team/app/manifests/${loose.root.digest}`
  const headers = { accept: loose.root.mediaType }
  let stderr = ''
  await until('it is in the trash', async () => {
    stderr = (await collect(folder, '-m')).stderr
    return (await fetch(manifest, { headers })).status === 404
  })
  expect(stderr).toContain('1 manifests without a tag went into the trash.')
  expect(stderr).toMatch(/can be restored, and goes by 2\d{3}-\d\d-\d\dT/)
  requireImage(folder, kept)
  requireImage(folder, loose)
})

describeWith('on a folder that docker-registry filled', ['docker-registry'], () => {
  test('what it left behind when it deleted goes, once Berth has gone through the folder', async () => {
    const folder = join(scratch, 'filled-by-another')
    const gone = smallImage('gone')
    {
      await using peer = await startDockerRegistry({ data: folder })
      await pushImage(peer.url, 'team/app', '1', kept)
      await pushImage(peer.url, 'team/app', '2', gone)
      await deleteManifest(peer.url, 'team/app', gone.root.digest)
    }
    makeOld(folder)
    await using _ = await startBerth({ data: folder, env: SHORT })
    await collectUntilGone(folder, gone.root)
    requireImage(folder, kept)
  })
})

/** As if everything had been pushed yesterday: what is new may be a push under way. */
function makeOld(folder: string): void {
  const yesterday = new Date(Date.now() - 86_400_000)
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('/data')) utimesSync(join(folder, name), yesterday, yesterday)
  }
}
