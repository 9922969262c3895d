/** What steps choose from. */
import fc from 'fast-check'
import { BLOBS, MANIFESTS, REPOSITORIES, TAGS } from '../stock.ts'

export const anyRepository = fc.constantFrom(...REPOSITORIES)
export const anyTag = fc.constantFrom(...TAGS)
export const anyManifest = fc.constantFrom(...MANIFESTS)
export const anyBlob = fc.constantFrom(...BLOBS)
