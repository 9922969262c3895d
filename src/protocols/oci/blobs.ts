/** `/v2/<name>/blobs/<digest>`: distribution-spec "Pulling blobs", "Deleting Blobs". */
import { isNotModified, isOutdated } from '../../http/conditional.ts'
import { rangedReply } from '../../http/range.ts'
import type { Reply } from '../../http/reply.ts'
import { type ParamsOf, route } from '../../http/router.ts'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { OCTET_STREAM } from '../../oci/media-type.ts'
import { getBlob, promiseBlob, unlinkBlob } from '../../registry/blobs.ts'
import { requireDeletes } from './deletes.ts'
import { errorReply } from './errors.ts'
import { emptyReply, type OciContext, type OciRoute, repositoryOf } from './route.ts'

const PATTERN = '/v2/:name+/blobs/:digest'

type Address = ParamsOf<typeof PATTERN>

export const blobRoutes: readonly OciRoute[] = [
  route('GET', PATTERN, { needs: 'pull', handle: get }),
  route('DELETE', PATTERN, { needs: 'delete', handle: remove }),
]

/** HEAD comes here too: the content opens nothing before it is sent. */
async function get(context: OciContext, address: Address): Promise<Reply> {
  const { registry, request, principal } = context
  const [repository, digest] = [repositoryOf(address), parseDigest(address.digest)]
  const blob = await getBlob(registry, repository, digest)
  // Clients ask so whether they must push it.
  if (request.method === 'HEAD' && context.can(principal, 'push', repository)) {
    await promiseBlob(registry, repository, digest)
  }
  if (isOutdated(request.header('if-match'), digest)) return emptyReply(412, validators(digest))
  if (isNotModified(request.header('if-none-match'), digest)) return emptyReply(304, validators(digest))
  const reply = rangedReply(request, {
    size: blob.size,
    etag: `"${digest}"`,
    headers: blobHeaders(digest),
    content: blob.content,
  })
  return reply.status === 416 ? outOfBlob(reply, digest, blob.size) : reply
}

/** The same refusal with a body that says what it is about. */
function outOfBlob({ headers }: Reply, digest: Digest, size: number): Reply {
  return errorReply(
    new RegistryError('RANGE_INVALID', `The blob has ${size} bytes: ask for a part of them.`),
    { ...headers, 'docker-content-digest': digest },
  )
}

async function remove(context: OciContext, address: Address): Promise<Reply> {
  requireDeletes(context)
  const { registry, principal } = context
  await unlinkBlob(registry, {
    repository: repositoryOf(address),
    digest: parseDigest(address.digest),
    by: principal.name,
  })
  return emptyReply(202, {})
}

function blobHeaders(digest: Digest): Record<string, string> {
  return { 'content-type': OCTET_STREAM, ...validators(digest) }
}

/** Content under a digest never changes. */
function validators(digest: Digest): Record<string, string> {
  return {
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    'cache-control': 'max-age=31536000',
  }
}
