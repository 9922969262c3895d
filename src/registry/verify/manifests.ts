/** Every manifest of every repository: its bytes are known, and what it refers to can be pulled through its repository. */
import { listManifestDigests, type ManifestPlace } from '../../metadata/garbage.ts'
import { findPayload, hasManifest } from '../../metadata/manifests.ts'
import { findRepositoryName } from '../../metadata/repositories.ts'
import {
  findNextRepository,
  hasPayload,
  listLackedChildren,
  listUsedBlobs,
} from '../../metadata/verification.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { readManifest } from '../tree/tree-manifest.ts'
import { finding, mended, type VerifyFinding } from './finding.ts'
import { imageAt } from './images.ts'
import type { Look, Position } from './look.ts'
import { mendFromTree } from './payloads.ts'

const ROWS_AT_ONCE = 200
const MOST_LACKED = 100

/** `repository` is the one that is gone through; 0 before the first. */
export async function lookAtManifests(look: Look, from: Position): Promise<Position | null> {
  const { repository } = from
  const page = { after: from.after, limit: ROWS_AT_ONCE }
  const name = await findRepositoryName(look.read, repository)
  const digests = name === null ? [] : await listManifestDigests(look.read, repository, page)
  let after = from.after
  for (const manifest of digests) {
    if (look.isOver) return { ...from, after }
    if (name !== null) {
      await look.at(name, () => lookAtManifest(look, name, { repository, manifest }), undefined)
    }
    after = manifest
  }
  if (digests.length === ROWS_AT_ONCE) return { ...from, after }
  const next = await findNextRepository(look.read, repository)
  return next === null ? null : { ...from, repository: next.id, after: '' }
}

async function lookAtManifest(look: Look, name: RepositoryName, place: ManifestPlace): Promise<void> {
  const { repository, manifest: digest } = place
  // What is deleted meanwhile loses its parts one after another.
  const isStillHere = () => hasManifest(look.read, repository, digest)
  if (!(await hasPayload(look.read, digest)) && (await isStillHere())) {
    await tellWithoutBytes(look, name, place)
  }
  const lacked = await lackedBlobs(look, place)
  const isLacking = lacked.length > 0 && (await isStillHere())
  const needed = isLacking ? await neededAmong(look, digest, lacked) : []
  for (const blob of needed) {
    const message = `The image ${digest} of ${name} needs the blob ${blob}, which is not in ${name}. Push it again to repair it.`
    look.tell(
      await about(look, place, finding('image incomplete', message, { digest: blob, repository: name })),
    )
  }
  for (const child of await listLackedChildren(look.read, { repository, manifest: digest }, MOST_LACKED)) {
    const message = `The index ${digest} of ${name} lists ${child}, which is not in ${name}: that may be on purpose.`
    look.tell(
      await about(look, place, finding('index incomplete', message, { digest: child, repository: name })),
    )
  }
}

async function tellWithoutBytes(look: Look, name: RepositoryName, place: ManifestPlace): Promise<void> {
  const { manifest: digest } = place
  const message = `The bytes of the manifest ${digest} of ${name} are not in the database. Push it again to repair it.`
  const found = await about(
    look,
    place,
    finding('manifest bytes missing', message, { digest, repository: name }),
  )
  const isMended = look.options.repair && (await mendFromTree(look, digest))
  look.tell(isMended ? mended(found, 'They were taken from its file.') : found)
}

async function lackedBlobs(look: Look, place: ManifestPlace): Promise<Digest[]> {
  const lacked: Digest[] = []
  for (let after = ''; lacked.length < MOST_LACKED; ) {
    const used = await listUsedBlobs(look.read, place, { after, limit: ROWS_AT_ONCE })
    lacked.push(...used.filter(({ isHere }) => !isHere).map(({ digest }) => digest))
    const last = used.at(-1)
    if (last === undefined || used.length < ROWS_AT_ONCE) break
    after = last.digest
  }
  return lacked
}

/** Layers that a manifest says lie elsewhere need not be here. */
async function neededAmong(look: Look, manifest: Digest, lacked: readonly Digest[]): Promise<Digest[]> {
  const bytes = await findPayload(look.read, manifest)
  const needs = new Set(bytes === null ? [] : readManifest(bytes)?.needs)
  return lacked.filter((blob) => needs.has(blob))
}

async function about(look: Look, place: ManifestPlace, found: VerifyFinding): Promise<VerifyFinding> {
  const image = await imageAt(look.read, place)
  return { ...found, images: image === null ? [] : [image] }
}
