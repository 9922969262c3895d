/** What does not belong into the images' folder: a server tells each once in its log, and lists all of it in a file. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseTag } from '../../src/oci/tag.ts'
import { blobDataPath, repositoriesFolder, tagLinkPath } from '../../src/storage/layout.ts'
import { FROM_SOURCE, startBerth } from '../berth-server.ts'
import { makeOldVolume, type OldImage } from '../old-volume.ts'
import { tryCommand } from '../tools/command.ts'
import { until } from '../until.ts'

setDefaultTimeout(60_000)

const data = mkdtempSync(join(tmpdir(), 'odd-files-test-'))
afterAll(() => rmSync(data, { recursive: true }))

const [image] = makeOldVolume(data, { repositories: 2, tags: 2 }) as [OldImage]
const besideTag = `${tagLinkPath(image.repository, parseTag(image.tag))}.0d8f.tmp`
const besideBlob = `${blobDataPath(image.digest)}.0d8f.tmp`
const dangling = `${repositoriesFolder}/moved`

/** What the log of one start says of oddities, once it has said everything. */
async function toldAtStart(isAll: (printed: string) => boolean): Promise<string> {
  await using berth = await startBerth({ data })
  await until('the start has looked at the tree', () => isAll(berth.log()))
  // It is told before the database is closed.
  await berth.stop()
  return berth
    .log()
    .split('\n')
    .filter((line) => line.includes('left them as they are'))
    .join('\n')
}

const hasGoneThrough = (printed: string) => printed.includes('were gone through in')

test('each is told once, and what comes later is told alone', async () => {
  writeFileSync(join(data, besideTag), 'x')
  writeFileSync(join(data, besideBlob), 'x')
  const first = await toldAtStart((printed) => printed.includes('temporary files of another registry'))
  expect(first).toContain(besideTag)
  expect(first).toContain(besideBlob)
  expect(first).toContain(`all that was found: ${join(data, 'berth/findings.txt')}`)
  expect(await toldAtStart(hasGoneThrough)).toBe('')
  symlinkSync('/nowhere', join(data, dangling))
  const third = await toldAtStart((printed) => printed.includes('symbolic links that lead nowhere'))
  expect(third).toContain(dangling)
  expect(third).not.toContain('.tmp')
})

test('all of it stands in a file, and berth reindex tells it again', async () => {
  const expectListed = () => {
    const list = readFileSync(join(data, 'berth/findings.txt'), 'utf8')
    for (const place of [besideTag, besideBlob, dangling]) expect(list.split(place)).toHaveLength(2)
  }
  expectListed()
  const [program = '', ...args] = [...FROM_SOURCE, 'reindex', '--data', data]
  const { stdout, stderr } = await tryCommand(program, args)
  for (const place of [besideTag, besideBlob, dangling]) expect(stdout + stderr).toContain(place)
  expectListed()
})
