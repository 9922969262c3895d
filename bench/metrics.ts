/** All metrics, in the order in which they are measured and reported. */
import type { Metric } from './metric.ts'
import { collectionMetric } from './metrics/collection.ts'
import { manifestMetric } from './metrics/manifest.ts'
import { manifestLoginMetric } from './metrics/manifest-login.ts'
import { memoryMetric } from './metrics/memory.ts'
import { oldVolumeMetric } from './metrics/old-volume.ts'
import { pullMetric } from './metrics/pull.ts'
import { pullTlsMetric } from './metrics/pull-tls.ts'
import { pushMetric } from './metrics/push.ts'
import { pushBesideCollectionMetric } from './metrics/push-beside-collection.ts'
import { smallImagesMetric } from './metrics/small-images.ts'
import { startMetric } from './metrics/start.ts'
import { tagMovesMetric, tagPutsMetric } from './metrics/tag-puts.ts'
import { tagsMetric } from './metrics/tags.ts'
import { writerKilledMetric } from './metrics/writer-killed.ts'

export const METRICS: readonly Metric[] = [
  manifestMetric,
  manifestLoginMetric,
  pullMetric,
  pullTlsMetric,
  pushMetric,
  tagPutsMetric,
  tagMovesMetric,
  smallImagesMetric,
  tagsMetric,
  memoryMetric,
  startMetric,
  oldVolumeMetric,
  writerKilledMetric,
  collectionMetric,
  pushBesideCollectionMetric,
]
