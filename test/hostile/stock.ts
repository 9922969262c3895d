/**
 * What both registries hold before the first hostile request, so that rows can name it: an image with tags, a
 * blob whose every byte is known, and a blob that only another repository may read.
 */
import { content, digestOf, noise } from '../clients/images.ts'
import { pushBlob, pushImage, pushManifest } from '../clients/push.ts'
import { artifactOf, smallImage } from '../clients/sample-images.ts'

export const REPOSITORY = 'stock/app'
/** Where what is accepted goes, so that REPOSITORY stays as it is. */
export const SCRATCH = 'stock/scratch'
export const IMAGE = smallImage('hostile')
export const MANIFEST = IMAGE.root
export const TAGS = ['v1', 'v2', 'v3']
/** Refers to MANIFEST. */
const ARTIFACT = artifactOf(MANIFEST, 'application/vnd.example.note')

/** Linked in REPOSITORY. */
export const BLOB = content('application/octet-stream', noise('hostile blob', 4096))
/** Linked in SECRET_REPOSITORY alone. */
export const SECRET = content('application/octet-stream', noise('hostile secret', 64))
export const SECRET_REPOSITORY = 'stock/secret'

/** A digest of nothing that anybody has. */
export const UNKNOWN = digestOf(new TextEncoder().encode('what nobody has pushed'))

/** Pushes it all. */
export async function stock(url: string): Promise<void> {
  await pushImage(url, REPOSITORY, 'v1', IMAGE)
  for (const tag of TAGS.slice(1)) await pushManifest(url, REPOSITORY, tag, MANIFEST)
  await pushImage(url, REPOSITORY, null, ARTIFACT)
  await pushImage(url, SCRATCH, 'v1', IMAGE)
  await pushBlob(url, REPOSITORY, BLOB)
  await pushBlob(url, SECRET_REPOSITORY, SECRET)
}
