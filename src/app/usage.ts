/** What everything takes up, as metrics: what was counted last, which the job of that name keeps up to date. */
import type { Read } from '../metadata/database.ts'
import { findTotals, NOTHING } from '../metadata/usage.ts'
import { gauge, type Metric } from '../observability/metrics.ts'

/** Together they are all that is stored. */
const KINDS = ['live', 'trash', 'reclaimable', 'leaving'] as const

/** Throws DatabaseUnavailable. */
export async function describeUsage(read: Read): Promise<Metric[]> {
  const totals = await findTotals(read, 0)
  const samples = (part: 'bytes' | 'digests') =>
    KINDS.map((kind) => ({ labels: { kind }, value: (totals.get(kind) ?? NOTHING)[part] }))
  return [
    gauge(
      'berth_storage_bytes',
      'What is stored: used by images, only by deleted ones in the trash, by nothing, or being deleted.',
      samples('bytes'),
      'max',
    ),
    gauge('berth_storage_blobs', 'How many blobs and manifests that is.', samples('digests'), 'max'),
  ]
}
