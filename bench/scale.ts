/** How much a run does: the full one, whose figures count, and the quick one, which shows that figures come out. */
import type { Scale } from './metric.ts'

const MEBIBYTE = 1024 ** 2

export const FULL_SCALE: Scale = {
  rounds: 5,
  blobBytes: 1024 * MEBIBYTE,
  pulls: 3,
  wrkSeconds: 3,
  warmsUp: true,
  tagPuts: 1000,
  smallImages: 100,
  tags: 5000,
  tagsPerPage: 1000,
  oldRepositories: 2000,
  oldTags: 10,
  garbageBlobs: 100_000,
  besideBlobs: 50_000,
  besideSeconds: 30,
  listSeconds: 1,
  afterwardsMilliseconds: 1200,
  restMilliseconds: 2000,
}

export const QUICK_SCALE: Scale = {
  rounds: 1,
  blobBytes: 16 * MEBIBYTE,
  pulls: 3,
  wrkSeconds: 1,
  warmsUp: false,
  tagPuts: 50,
  smallImages: 5,
  tags: 200,
  tagsPerPage: 50,
  oldRepositories: 20,
  oldTags: 2,
  garbageBlobs: 200,
  besideBlobs: 300,
  besideSeconds: 1,
  listSeconds: 0.1,
  afterwardsMilliseconds: 0,
  restMilliseconds: 0,
}
