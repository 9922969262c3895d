/** Small images from nothing, another one for each name. */
import { buildImage, type Image, noise } from '../test/clients/images.ts'

const FILE_BYTES = 10_000

/** Layers of one file of 10 kB that does not compress. */
export function sampleImage(name: string, layers: number): Image {
  return buildImage(
    Array.from({ length: layers }, (_, layer) => ({
      files: new Map([[`file-${layer}`, noise(`${name} ${layer}`, FILE_BYTES)]]),
      compression: 'none' as const,
    })),
  )
}
