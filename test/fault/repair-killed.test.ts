/**
 * `berth verify --deep --repair` killed at its renames, syncs and writes: whatever it was in the middle of, the damaged
 * bytes are still somewhere, nothing else is touched, and the next run ends what this one began.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseDigest } from '../../src/oci/digest.ts'
import { blobDataPath, quarantinePath } from '../../src/storage/layout.ts'
import { FROM_SOURCE, startBerth } from '../berth-server.ts'
import { pushImage } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import { type CommandResult, tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'

setDefaultTimeout(60_000)

const scratch = mkdtempSync(join(tmpdir(), 'berth-repair-killed-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const [bad, good] = [smallImage('bad'), smallImage('good')]
const [rotten, manifest] = [parseDigest(bad.blobs.at(-1)?.digest ?? ''), parseDigest(bad.root.digest)]
const whole = parseDigest(good.blobs.at(-1)?.digest ?? '')

/** A layer that rots, and a manifest that was cut off. */
async function damagedFolder(): Promise<string> {
  const data = join(scratch, 'data')
  await using berth = await startBerth({ data })
  await pushImage(berth.url, 'team/bad', 'v1', bad)
  await pushImage(berth.url, 'team/good', 'v1', good)
  await berth.stop()
  const path = join(data, blobDataPath(rotten))
  writeFileSync(path, new Uint8Array(readFileSync(path)).fill(7))
  truncateSync(join(data, blobDataPath(manifest)), 5)
  return data
}

function repair(data: string, tracer: readonly string[] = []): Promise<CommandResult> {
  const [program = '', ...args] = [...tracer, ...FROM_SOURCE, 'verify', '--deep', '--repair', '--data', data]
  return tryCommand(program, args)
}

const RENAMES = 'rename,renameat,renameat2'
const POINTS: readonly (readonly [string, number])[] = [
  [RENAMES, 1],
  [RENAMES, 2],
  ['fsync', 2],
  ['fsync', 4],
  ['fdatasync', 2],
  ['pwrite64', 6],
]

describeWith('a repair that is killed', ['strace'], ({ strace }) => {
  const folder = damagedFolder()
  let killed = 0
  for (const [at, [calls, count]] of POINTS.entries()) {
    test(`at the call ${count} of ${calls} is ended by the next`, async () => {
      const data = join(scratch, `copy-${at}`)
      cpSync(await folder, data, { recursive: true })
      const before = readFileSync(join(data, blobDataPath(rotten)))
      const inject = ['-f', '-o', '/dev/null', '-e', `inject=${calls}:signal=KILL:when=${count}`]
      const { exitCode } = await repair(data, [strace, ...inject])
      if (exitCode === 137) killed++
      const places = [blobDataPath(rotten), quarantinePath(rotten)].map((path) => join(data, path))
      expect(places.filter(existsSync)).toHaveLength(1)
      await repair(data)
      expect(readFileSync(join(data, quarantinePath(rotten)))).toEqual(before)
      expect(new Uint8Array(readFileSync(join(data, blobDataPath(manifest))))).toEqual(bad.root.bytes)
      expect(new Uint8Array(readFileSync(join(data, blobDataPath(whole))))).toEqual(
        good.blobs.at(-1)?.bytes ?? new Uint8Array(),
      )
      const end = await repair(data)
      expect([end.exitCode, end.stdout.match(/^damage: /gm)]).toEqual([6, ['damage: ']])
      expect(end.stdout).toContain('images: team/bad:v1')
    })
  }

  test('was killed indeed at most of these', () => {
    expect(killed).toBeGreaterThan(POINTS.length / 2)
  })
})
