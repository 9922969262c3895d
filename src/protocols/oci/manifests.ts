/** `/v2/<name>/manifests/<reference>`: distribution-spec "Pulling manifests", "Pushing Manifests", "Deleting Manifests". */
import { isNotModified } from '../../http/conditional.ts'
import type { Reply } from '../../http/reply.ts'
import { BodyTooLarge, type IncomingRequest } from '../../http/request.ts'
import { type ParamsOf, route } from '../../http/router.ts'
import { bytesContent, lengthOnly } from '../../lib/content.ts'

import { RegistryError } from '../../oci/errors.ts'
import { MANIFEST_LIMIT } from '../../oci/manifest.ts'
import { parseMediaType } from '../../oci/media-type.ts'
import { parseReference } from '../../oci/reference.ts'
import { parseTag, type Tag } from '../../oci/tag.ts'
import {
  deleteManifest,
  getManifest,
  getManifestFacts,
  type ManifestFacts,
  putManifest,
} from '../../registry/manifests.ts'
import { deleteTag } from '../../registry/tags.ts'
import { requireDeletes } from './deletes.ts'
import { manifestLocation } from './location.ts'
import { emptyReply, type OciContext, type OciRoute, repositoryOf } from './route.ts'

const PATTERN = '/v2/:name+/manifests/:reference'
/** The specification asks for ten at least; a request line has room for about this many. */
const MOST_TAGS = 100

type Address = ParamsOf<typeof PATTERN>

export const manifestRoutes: readonly OciRoute[] = [
  route('GET', PATTERN, { needs: 'pull', handle: get }),
  route('HEAD', PATTERN, { needs: 'pull', handle: head }),
  route('PUT', PATTERN, { needs: 'push', handle: put }),
  route('DELETE', PATTERN, { needs: 'delete', handle: remove }),
]

/**
 * The stored type and bytes, whatever `Accept` lists: clients send lists that leave out what they can read,
 * and a converted manifest would have another digest.
 */
async function get({ registry, request }: OciContext, address: Address): Promise<Reply> {
  const reference = parseReference(address.reference)
  const repository = repositoryOf(address)
  if (request.header('if-none-match') !== null) {
    const facts = await getManifestFacts(registry, repository, reference)
    if (isNotModified(request.header('if-none-match'), facts.digest))
      return emptyReply(304, validators(facts))
  }
  const manifest = await getManifest(registry, repository, reference)
  return { status: 200, headers: manifestHeaders(manifest), body: bytesContent(manifest.bytes) }
}

async function head({ registry, request }: OciContext, address: Address): Promise<Reply> {
  const reference = parseReference(address.reference)
  const facts = await getManifestFacts(registry, repositoryOf(address), reference)
  if (isNotModified(request.header('if-none-match'), facts.digest)) return emptyReply(304, validators(facts))
  return { status: 200, headers: manifestHeaders(facts), body: lengthOnly(facts.size) }
}

async function put(context: OciContext, address: Address): Promise<Reply> {
  const { registry, principal, can, request } = context
  const repository = repositoryOf(address)
  const contentType = request.header('content-type')
  const tags = tagParameters(request)
  const stored = await putManifest(registry, {
    repository,
    reference: parseReference(address.reference),
    tags,
    mediaType: contentType === null ? null : parseMediaType(contentType),
    bytes: await manifestBytes(request),
    mayOverwrite: can(principal, 'overwrite', repository),
    by: principal.name,
  })
  return emptyReply(201, {
    location: manifestLocation(context, repository, stored.digest),
    'docker-content-digest': stored.digest,
    ...(stored.subject === null ? {} : { 'oci-subject': stored.subject }),
    ...(tags.length === 0 ? {} : { 'oci-tag': stored.tags.join(', ') }),
  })
}

/** By tag only the tag goes; by digest the manifest and every tag that names it. */
async function remove(context: OciContext, address: Address): Promise<Reply> {
  const { registry, principal } = context
  requireDeletes(context)
  const repository = repositoryOf(address)
  const reference = parseReference(address.reference)
  const by = principal.name
  if (reference.kind === 'tag') await deleteTag(registry, { repository, tag: reference.tag, by })
  else await deleteManifest(registry, { repository, digest: reference.digest, by })
  return emptyReply(202, {})
}

/** `?tag=` beside a digest (distribution-spec development branch, end-7b). */
function tagParameters(request: IncomingRequest): Tag[] {
  const tags = request.query.all('tag')
  if (tags.length > MOST_TAGS) {
    throw new RegistryError(
      'TOO_MANY_TAGS',
      `A push takes up to ${MOST_TAGS} tag parameters; this one has ${tags.length}.`,
    )
  }
  return tags.map(parseTag)
}

async function manifestBytes(request: IncomingRequest): Promise<Uint8Array> {
  try {
    return await request.bytes({ atMost: MANIFEST_LIMIT })
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error
    throw new RegistryError(
      'MANIFEST_TOO_LARGE',
      `A manifest has at most ${MANIFEST_LIMIT} bytes: move large annotations or data into a blob.`,
    )
  }
}

function manifestHeaders(facts: ManifestFacts): Record<string, string> {
  return { 'content-type': facts.mediaType, ...validators(facts) }
}

/** A tag moves: nobody is told that an answer may be kept, and whoever keeps it and asks again gets a short 304. */
function validators(facts: ManifestFacts): Record<string, string> {
  return { 'docker-content-digest': facts.digest, etag: `"${facts.digest}"` }
}
