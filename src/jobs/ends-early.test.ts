/** A job that is told to end leaves the rest for its next run, and asks for that soon: a server that stops waits for none. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { type Bench, openOnSqlite } from '../../test/registry-bench.ts'
import { pushImage } from '../../test/sample-content.ts'
import { command } from '../metadata/database.ts'
import { createLog } from '../observability/log.ts'
import { newUploadId } from '../oci/upload-id.ts'
import { deleteManifest } from '../registry/manifests.ts'
import { listTrash } from '../registry/trash.ts'
import type { Job } from './runner.ts'
import { trashPurgingJob } from './trash-purging.ts'
import { untaggedReviewingJob } from './untagged-reviewing.ts'
import { UploadPurging } from './upload-purging.ts'

// Beside other tests, the disk takes its time.
setDefaultTimeout(30_000)

const DAY = 86_400_000
const log = createLog({ level: 'error', format: 'text', write: () => undefined })
const never = new AbortController().signal
const soon = { againInMilliseconds: 200 }

/** Lets everything be so old that it is due. */
const age = command('test.age', async (tx) => {
  await tx.run('UPDATE trash SET deleted_at = deleted_at - $1', [30 * DAY])
  await tx.run('UPDATE manifests SET created_at = created_at - $1', [30 * DAY])
  await tx.run('UPDATE gc_reviews SET due_at = due_at - $1', [30 * DAY])
})

let bench: Bench
beforeEach(async () => {
  bench = await openOnSqlite({ storage: 'memory', policy: { untagged: { deleteAfter: DAY } } })
})
afterEach(() => bench.close())

async function numberInTrash(): Promise<number> {
  return (await listTrash(bench.registry, { repository: null, before: null, limit: 100 })).entries.length
}

/** Its answer to a run that is told to end at once. */
function endedRun(job: Job) {
  return job.run(AbortSignal.abort())
}

test('the trash keeps what is not emptied yet', async () => {
  const repository = bench.newRepository()
  const image = await pushImage(bench.registry, repository, 'v1')
  await deleteManifest(bench.registry, { repository, digest: image.digest, by: 'ann' })
  await bench.database.write(age, undefined)
  const job = trashPurgingJob(bench.registry, log)
  expect(await endedRun(job)).toEqual(soon)
  expect(await numberInTrash()).toBe(1)
  await job.run(never)
  expect(await numberInTrash()).toBe(0)
})

test('images without a tag that are not looked at yet stay', async () => {
  await pushImage(bench.registry, bench.newRepository())
  await bench.database.write(age, undefined)
  const job = untaggedReviewingJob(bench.registry, log)
  expect(await endedRun(job)).toEqual(soon)
  expect(await numberInTrash()).toBe(0)
  await job.run(never)
  expect(await numberInTrash()).toBe(1)
})

test('bytes that no upload needs lie for a little longer', async () => {
  const writer = await bench.registry.blobs.append(newUploadId(), 0)
  await writer.write(new Uint8Array(9))
  await writer.close()
  const options = { registry: bench.registry, everyMilliseconds: DAY, isDryRun: false, log }
  const { job } = new UploadPurging(options)
  expect(await endedRun(job)).toEqual(soon)
  expect(await Array.fromAsync(bench.registry.blobs.listUploads())).toHaveLength(1)
  expect(await job.run(never)).toEqual({ againInMilliseconds: DAY })
  expect(await Array.fromAsync(bench.registry.blobs.listUploads())).toEqual([])
})
