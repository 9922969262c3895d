/** `/v2/<name>/referrers/<digest>`: distribution-spec "Listing Referrers". */
import { nextLink } from '../../http/link.ts'
import type { Reply } from '../../http/reply.ts'
import { textContent } from '../../lib/content.ts'
import { parseDigest } from '../../oci/digest.ts'
import { OCI_INDEX } from '../../oci/media-type.ts'
import { listReferrers, type ReferrerPlace } from '../../registry/referrers.ts'
import { type OciContext, type OciRoute, repositoryOf } from './route.ts'

export const referrerRoutes: readonly OciRoute[] = [
  { method: 'GET', pattern: '/v2/:name+/referrers/:digest', needs: 'pull', handle: get },
]

async function get({ registry, request, params }: OciContext): Promise<Reply> {
  const artifactType = request.query.get('artifactType')
  const { referrers, next } = await listReferrers(registry.database, {
    repository: repositoryOf(params),
    subject: parseDigest(params['digest'] ?? ''),
    artifactType,
    after: placeOf(request.query.get('last')),
  })
  return {
    status: 200,
    headers: {
      'content-type': OCI_INDEX,
      ...(artifactType === null ? {} : { 'oci-filters-applied': 'artifactType' }),
      ...(next === null ? {} : { link: linkTo(request.path, next, artifactType) }),
    },
    body: textContent(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: referrers })),
  }
}

/** `last=<artifact type>,<digest>`; a media type has no comma. Anything else begins at the start. */
function placeOf(last: string | null): ReferrerPlace | null {
  const comma = last?.lastIndexOf(',') ?? -1
  return last === null || comma === -1
    ? null
    : { artifactType: last.slice(0, comma), digest: last.slice(comma + 1) }
}

function linkTo(path: string, next: ReferrerPlace, artifactType: string | null): string {
  const last = `${next.artifactType},${next.digest}`
  return nextLink(path, artifactType === null ? { last } : { artifactType, last })
}
