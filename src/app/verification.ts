/** What the metrics say of stored blobs that are damaged, and of how often they are hashed again. */
import type { Read } from '../metadata/database.ts'
import { gauge, type Metric } from '../observability/metrics.ts'
import { scrubStatus } from '../registry/verify/scrub.ts'

/** The same whichever replica is asked. Throws DatabaseUnavailable. */
export async function describeVerification(read: Read): Promise<Metric[]> {
  const { state, damaged } = await scrubStatus(read)
  const ended = state?.passEndedAt ?? null
  return [
    one(
      'berth_verify_damaged_blobs',
      'Blobs that are known to be damaged, until they are pushed again.',
      damaged,
    ),
    one('berth_verify_scrubbed_blobs', 'Blobs that were hashed again in the background.', state?.blobs ?? 0),
    one('berth_verify_scrubbed_bytes', 'Bytes that were hashed again in the background.', state?.bytes ?? 0),
    ...(ended === null
      ? []
      : [one(LAST_PASS, 'When every stored blob had been hashed again last.', ended / 1000)]),
  ]
}

const LAST_PASS = 'berth_verify_last_full_pass_timestamp_seconds'

function one(name: string, help: string, value: number): Metric {
  return gauge(name, help, [{ labels: {}, value }], 'max')
}
