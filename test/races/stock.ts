/** Content for races. Who works in the order of digests does it in the same order in each trial. */
import { CONFIG, newBlob, newImage, type Sample } from '../sample-content.ts'

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
