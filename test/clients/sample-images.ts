/**
 * The images that the client suites push: small ones with known files, a multi-architecture index, an
 * artifact with a subject, and one with a layer of 60 MB.
 */
import {
  buildArtifact,
  buildImage,
  buildIndex,
  type Compression,
  type Content,
  type Image,
  noise,
} from './images.ts'

const LARGE_LAYER = 60 * 1024 * 1024

function text(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(value)
}

/** The files of `smallImage`, as they are found in it. */
export function smallFiles(seed: string): Map<string, Uint8Array> {
  return new Map<string, Uint8Array>([
    ['hello', text(`hello from ${seed}\n`)],
    ['data/noise.bin', noise(seed, 200_000)],
  ])
}

/** Two layers with two files; other bytes for another seed. */
export function smallImage(seed: string, compression: Compression = 'gzip', architecture = 'amd64'): Image {
  const layers = [...smallFiles(seed)].map(([name, bytes]) => ({
    files: new Map([[name, bytes]]),
    compression,
  }))
  return buildImage(layers, architecture)
}

/** An index of an amd64 and an arm64 image. */
export function multiArchImage(seed: string): Image {
  const architectures = ['amd64', 'arm64']
  return buildIndex(new Map(architectures.map((each) => [each, smallImage(`${seed} ${each}`, 'gzip', each)])))
}

/** One uncompressed layer with one file of 60 MB that does not compress. */
export function largeImage(seed: string): Image {
  return buildImage([{ files: new Map([['large.bin', noise(seed, LARGE_LAYER)]]), compression: 'none' }])
}

/** A small artifact, say a signature or a bill of materials, that refers to `subject`. */
export function artifactOf(subject: Content, artifactType: string): Image {
  return buildArtifact(artifactType, text(`${artifactType} of ${subject.digest}`), subject)
}
