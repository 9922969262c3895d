/** Content for races. Who works in the order of digests does it in the same order in each trial. */
import { CONFIG, newBlob, newImage, newIndex, type Sample } from '../sample-content.ts'

export interface RaceImage {
  readonly image: Sample
  /** All that the image needs; its digest stands before the image's. */
  readonly blob: Sample
}

/** An image of one blob, that no other trial has unless it is given. */
export function newRaceImage(blob: Sample = newBlob(CONFIG)): RaceImage {
  for (;;) {
    const image = newImage({ config: blob })
    if (blob.digest < image.digest) return { image, blob }
  }
}

/** An index of one manifest, whose digest stands before the index's. */
export function newRaceIndex(child: Sample): Sample {
  for (;;) {
    const index = newIndex([child])
    if (child.digest < index.digest) return index
  }
}
