/** Scrubbing: every blob once a pass, in steps, by a clock that the test has. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { describeOnDatabases } from '../../../test/registry-bench.ts'
import { newBlob, newImage, pushBlob, pushManifest, type Sample } from '../../../test/sample-content.ts'
import { VerifyBench } from '../../../test/verify-bench.ts'
import { findDamage } from '../../metadata/damage.ts'
import { command } from '../../metadata/database.ts'
import { OCTET_STREAM } from '../../oci/media-type.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { BlobHashing } from './hashing.ts'
import { findScrubState, type ScrubStep, scrubOnce, scrubStatus } from './scrub.ts'

setDefaultTimeout(30_000)

const forgetRows = command('test.forget-rows', (tx, _: null) => tx.run('DELETE FROM blobs', []))

const DAY = 86_400_000
const EVERY = 30 * DAY

describeOnDatabases('scrubbing', (open) => {
  let verify: VerifyBench
  let repository: RepositoryName
  let now: number
  beforeEach(async () => {
    verify = await VerifyBench.open(open)
    repository = verify.first.newRepository()
    now = Date.now()
  })
  afterEach(() => verify.close())

  function scrub(
    options: { readonly signal?: AbortSignal; readonly rate?: number; readonly every?: number } = {},
  ): Promise<ScrubStep> {
    const { signal = new AbortController().signal, rate: bytesPerSecond = 1e9, every = EVERY } = options
    const { registry } = verify.bench
    const place = { registry, hashing: new BlobHashing(registry.blobs) }
    return scrubOnce(place, { every, bytesPerSecond, signal }, now)
  }

  async function pushed(count: number): Promise<Sample[]> {
    const blobs = Array.from({ length: count }, () => newBlob(OCTET_STREAM, 10_000))
    for (const blob of blobs) await pushBlob(verify.bench.registry, repository, blob)
    return blobs.toSorted((one, other) => (one.digest < other.digest ? -1 : 1))
  }

  test('begins a day after the first start, and hashes every blob once in each pass', async () => {
    await pushed(3)
    expect(await scrub()).toEqual({ againIn: DAY, findings: [] })
    now += DAY / 2
    expect(await scrub()).toEqual({ againIn: DAY / 2, findings: [] })
    now += DAY / 2
    expect(await scrub()).toEqual({ againIn: EVERY, findings: [] })
    expect(await findScrubState(verify.bench.database)).toMatchObject({
      after: '',
      blobs: 3,
      bytes: 30_000,
      passEndedAt: now,
    })
    now += EVERY
    expect((await scrub()).againIn).toBe(EVERY)
    expect(await findScrubState(verify.bench.database)).toMatchObject({ blobs: 6, passEndedAt: now })
  })

  test('heeds at once that it is to come more often, and that a clock was wrong', async () => {
    await pushed(1)
    await scrub()
    now += DAY
    expect((await scrub()).againIn).toBe(EVERY)
    now += DAY
    expect((await scrub({ every: 3 * DAY })).againIn).toBe(2 * DAY)
    now += 2 * DAY
    expect((await scrub({ every: 3 * DAY })).againIn).toBe(3 * DAY)
    now -= 400 * DAY
    expect((await scrub()).againIn).toBe(EVERY)
    now += EVERY - 1
    expect((await scrub()).againIn).toBe(1)
    now += 1
    expect((await scrub()).againIn).toBe(EVERY)
    expect((await findScrubState(verify.bench.database))?.blobs).toBe(3)
  })

  test('sets aside what rots, whatever it is in the middle of, and tells it once', async () => {
    const blobs = await pushed(3)
    const rotten = blobs[1] ?? newBlob()
    await scrub()
    verify.flip(rotten.digest)
    now += DAY
    const { findings } = await scrub()
    expect(findings).toMatchObject([{ kind: 'blob has wrong bytes', digest: rotten.digest }])
    expect(await findDamage(verify.bench.database, rotten.digest)).toMatchObject({ why: 'hash' })
    expect((await scrubStatus(verify.bench.database)).damaged).toBe(1)
    await pushBlob(verify.bench.registry, repository, rotten)
    expect((await scrubStatus(verify.bench.database)).damaged).toBe(0)
  })

  test('that is stopped goes on where it was, after a restart too', async () => {
    const blobs = await pushed(4)
    await scrub()
    now += DAY
    const stopping = new AbortController()
    const { registry } = verify.bench
    const counting = new BlobHashing(registry.blobs)
    let hashed = 0
    const goOn = counting.goOn.bind(counting)
    counting.goOn = async (...args) => {
      if (++hashed === 2) stopping.abort()
      return await goOn(...args)
    }
    const place = { registry, hashing: counting }
    const step = await scrubOnce(place, { every: EVERY, bytesPerSecond: 1e9, signal: stopping.signal }, now)
    expect(step.againIn).toBe(0)
    expect(await findScrubState(verify.bench.database)).toMatchObject({ after: blobs[0]?.digest, blobs: 1 })
    await verify.restart()
    expect((await scrub()).againIn).toBe(EVERY)
    expect(await findScrubState(verify.bench.database)).toMatchObject({ after: '', blobs: 4 })
  })

  test('removes what was set aside once the blob has been whole for a week', async () => {
    const [rotten = newBlob()] = await pushed(1)
    await scrub()
    verify.flip(rotten.digest)
    now += DAY
    await scrub()
    const { blobs } = verify.bench.registry
    const aside = async () => (await Array.fromAsync(blobs.listQuarantined())).map(({ digest }) => digest)
    await pushBlob(verify.bench.registry, repository, rotten)
    expect(await aside()).toEqual([rotten.digest])
    now += EVERY
    await scrub()
    expect(await aside()).toEqual([])
  })

  test('forgets that a blob was damaged which is in no image and was collected', async () => {
    const [rotten = newBlob(), needed = newBlob()] = await pushed(2)
    const config = needed
    await pushManifest(verify.bench.registry, repository, newImage({ config }), 'v1')
    await scrub()
    for (const { digest } of [rotten, needed]) verify.flip(digest)
    now += DAY
    await scrub()
    expect((await scrubStatus(verify.bench.database)).damaged).toBe(2)
    // As a start does that finds the file missing, and as collection does.
    await verify.bench.database.write(forgetRows, null)
    now += EVERY
    await scrub()
    expect(await findDamage(verify.bench.database, rotten.digest)).toBeNull()
    expect(await findDamage(verify.bench.database, needed.digest)).not.toBeNull()
  })
})
