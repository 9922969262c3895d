import { expect, test } from 'bun:test'
import { describeStatus, type GcStatus } from './gc-status.ts'

const HOUR = 3_600_000
const now = Date.UTC(2030, 0, 1)
const job = {
  name: 'collection',
  isRunning: false,
  dueAt: now,
  succeededAt: now - 20_000,
  failures: 0,
  failingSince: null,
  lastError: null,
}
const status: GcStatus = {
  reviews: { waiting: 12, due: 2, nextDueAt: now + 3 * HOUR },
  live: { digests: 1290, bytes: 3 * 1024 ** 3 },
  trash: { digests: 1, bytes: 512 },
  reclaimable: { digests: 12, bytes: 2048 },
  condemned: { blobs: 0, bytes: 0 },
  deleting: { blobs: 0, bytes: 0 },
  aside: { blobs: 3, bytes: 1024 ** 2 },
  heldBy: null,
  jobs: [job],
}

test('status says what is where, what comes next, and that nothing holds it up', () => {
  expect(describeStatus(status, now)).toEqual([
    'In images: 1290 blobs, 3.0 GiB',
    'In the trash: 1 blob, 512 B',
    'Needed by nothing: 12 blobs, 2.0 KiB',
    '  to be looked at: 12 (2 now, the next one in 3 h)',
    '  condemned: 0 blobs, 0 B',
    'Being deleted: 0 blobs, 0 B',
    'Lying aside until their space is free: 3 blobs, 1.0 MiB',
    'Job collection: ran last 20 s ago',
    'Nothing holds collection up.',
  ])
})

test('what holds it up, and a job that fails, are told with their reasons', () => {
  const failing = { ...job, failures: 3, failingSince: now - 2 * HOUR, lastError: 'The disk is full.' }
  const lines = describeStatus({ ...status, heldBy: 'It is switched off.', jobs: [failing] }, now)
  expect(lines.slice(-2)).toEqual([
    'Job collection: ran last 20 s ago; failing since 2 h ago: The disk is full.',
    'Nothing is collected now. It is switched off.',
  ])
})

test('what has never run says so', () => {
  expect(describeStatus({ ...status, jobs: [{ ...job, succeededAt: null }] }, now)).toContain(
    'Job collection: has not run yet',
  )
})
