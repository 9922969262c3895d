/** What is measured, in the order of the report. A contestant's file says which of these it takes part in. */
export const METRIC_NAMES = [
  'manifest',
  'manifest-login',
  'pull',
  'pull-tls',
  'push',
  'tag-puts',
  'tag-moves',
  'small-images',
  'tags',
  'memory',
  'start',
  'old-volume',
  'writer-killed',
  'collection',
  'push-beside-collection',
] as const

export type MetricName = (typeof METRIC_NAMES)[number]
