/** Every step that there is, each as often as it is worth. */
import fc from 'fast-check'
import { blobSteps } from './blobs.ts'
import { collecting, collectionSteps } from './collection.ts'
import { manifestSteps, pushingSlowly } from './manifests.ts'
import { crashing, processSteps } from './process.ts'
import type { Step, WeightedSteps } from './step.ts'
import { tagSteps } from './tags.ts'
import { shortTimeSteps, timeSteps } from './time.ts'
import { trashSteps } from './trash.ts'
import { uploadSteps } from './uploads.ts'

const atOnce = [...blobSteps, ...uploadSteps, ...manifestSteps, ...tagSteps, ...trashSteps]
const meanwhile = oneOf([...atOnce, ...trashSteps, ...shortTimeSteps])
const lasting = [...atOnce, ...collectionSteps, pushingSlowly(8, meanwhile)]

export const anyStep: fc.Arbitrary<Step> = oneOf([
  ...lasting,
  ...timeSteps,
  ...processSteps,
  collecting(12, oneOf(lasting)),
  crashing(6, oneOf([...lasting, collecting(20, oneOf(lasting))])),
])

function oneOf(steps: readonly WeightedSteps[]): fc.Arbitrary<Step> {
  return fc.oneof(...steps)
}
