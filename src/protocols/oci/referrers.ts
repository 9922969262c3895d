/** `/v2/<name>/referrers/<digest>`: distribution-spec "Listing Referrers". */
import { nextLink } from '../../http/link.ts'
import type { Reply } from '../../http/reply.ts'
import { type ParamsOf, route } from '../../http/router.ts'
import { textContent } from '../../lib/content.ts'
import { isDigest, parseDigest } from '../../oci/digest.ts'
import { OCI_INDEX } from '../../oci/media-type.ts'
import { listReferrers, type ReferrerPlace } from '../../registry/referrers.ts'
import { ownPath } from './location.ts'
import { type OciContext, type OciRoute, repositoryOf } from './route.ts'

const PATTERN = '/v2/:name+/referrers/:digest'

export const referrerRoutes: readonly OciRoute[] = [route('GET', PATTERN, { needs: 'pull', handle: get })]

async function get({ registry, request }: OciContext, address: ParamsOf<typeof PATTERN>): Promise<Reply> {
  // An empty filter is none: it is what a script sends whose variable is not set.
  const artifactType = request.query.get('artifactType') || null
  const { referrers, next } = await listReferrers(registry, {
    repository: repositoryOf(address),
    subject: parseDigest(address.digest),
    artifactType,
    after: placeOf(request.query.get('last')),
  })
  return {
    status: 200,
    headers: {
      'content-type': OCI_INDEX,
      ...(artifactType === null ? {} : { 'oci-filters-applied': 'artifactType' }),
      ...(next === null ? {} : { link: linkTo(ownPath(request), next, artifactType) }),
    },
    body: textContent(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: referrers })),
  }
}

/** What stands for the artifact type among what the fallback tag lists. No artifact type is called so, for it has no slash. */
const TAG = 'tag'

/** `last=<artifact type>,<digest>`, and later `last=tag,<digest>`; a media type has no comma. Anything else begins at the start. */
function placeOf(last: string | null): ReferrerPlace | null {
  const comma = last?.lastIndexOf(',') ?? -1
  if (last === null || comma === -1) return null
  const [artifactType, digest] = [last.slice(0, comma), last.slice(comma + 1)]
  if (artifactType === TAG && (digest === '' || isDigest(digest))) return { among: 'tag', digest }
  return isDigest(digest) ? { among: 'subject', artifactType, digest } : null
}

function linkTo(path: string, next: ReferrerPlace, artifactType: string | null): string {
  const last = `${next.among === 'tag' ? TAG : next.artifactType},${next.digest}`
  return nextLink(path, artifactType === null ? { last } : { artifactType, last })
}
