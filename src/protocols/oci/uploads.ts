/** `/v2/<name>/blobs/uploads/`: distribution-spec "Pushing blobs", "Pushing a blob in chunks", "Mounting a blob from another repository". */
import { readableBy } from '../../access/authorize.ts'
import { BadContentRange, formatUploadRange, parseUploadRange } from '../../http/content-range.ts'
import type { Reply } from '../../http/reply.ts'
import type { IncomingRequest } from '../../http/request.ts'
import { type ParamsOf, route } from '../../http/router.ts'
import type { ByteRange } from '../../lib/byte-range.ts'
import {
  type Digest,
  type DigestAlgorithm,
  isDigest,
  parseDigest,
  parseDigestAlgorithm,
} from '../../oci/digest.ts'
import { type ErrorCode, RegistryError } from '../../oci/errors.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/repository-name.ts'
import { parseUploadId } from '../../oci/upload-id.ts'
import { mountBlob } from '../../registry/blobs.ts'
import { UploadOutOfStep } from '../../registry/held-upload.ts'
import type { UploadSession } from '../../registry/uploads.commands.ts'
import {
  appendToUpload,
  beginUpload,
  cancelUpload,
  finishUpload,
  getUploadProgress,
  putBlob,
  type UploadBody,
} from '../../registry/uploads.ts'
import { errorReply } from './errors.ts'
import { blobLocation, uploadLocation } from './location.ts'
import { emptyReply, type OciContext, type OciRoute, repositoryOf } from './route.ts'

const UPLOADS = '/v2/:name+/blobs/uploads/?'
const UPLOAD = '/v2/:name+/blobs/uploads/:upload'

type Address = ParamsOf<typeof UPLOAD>

/**
 * Cancelling needs no more than pushing: clients cancel the session of a refused mount with a push token. Asking how
 * far an upload is needs no more than any GET, as in distribution: nobody sees a session but who opened it.
 */
export const uploadRoutes: readonly OciRoute[] = [
  route('POST', UPLOADS, { needs: 'push', handle: post }),
  route('GET', UPLOAD, { needs: 'pull', handle: get }),
  route('PATCH', UPLOAD, { needs: 'push', handle: inStep(patch) }),
  route('PUT', UPLOAD, { needs: 'push', handle: inStep(put) }),
  route('DELETE', UPLOAD, { needs: 'push', handle: remove }),
]

async function post(context: OciContext, address: ParamsOf<typeof UPLOADS>): Promise<Reply> {
  const repository = repositoryOf(address)
  const { query } = context.request
  const mount = query.get('mount')
  if (mount !== null && isDigest(mount) && (await isMounted(context, repository, mount))) {
    return blobCreated(context, repository, mount)
  }
  const digest = query.get('digest')
  return digest === null
    ? await open(context, repository)
    : await putWhole(context, repository, parseDigest(digest))
}

async function get(context: OciContext, address: Address): Promise<Reply> {
  const session = sessionOf(context, address)
  const received = await getUploadProgress(context.registry, session)
  return emptyReply(204, uploadHeaders(context, session, received))
}

async function patch(context: OciContext, address: Address): Promise<Reply> {
  const session = sessionOf(context, address)
  const received = await appendToUpload(context.registry, session, bodyOf(context.request))
  return emptyReply(202, uploadHeaders(context, session, received))
}

async function put(context: OciContext, address: Address): Promise<Reply> {
  const session = sessionOf(context, address)
  const digest = parseDigest(context.request.query.get('digest') ?? missingDigest())
  await finishUpload(context.registry, session, { ...bodyOf(context.request), digest })
  return blobCreated(context, session.repository, digest)
}

async function remove(context: OciContext, address: Address): Promise<Reply> {
  const session = sessionOf(context, address)
  await cancelUpload(context.registry, session)
  return emptyReply(204, { 'docker-upload-uuid': session.id })
}

/** A mount that cannot be done is no error, nor one from where the client may not read: it gets a session, and uploads. */
function isMounted(context: OciContext, repository: RepositoryName, digest: Digest): Promise<boolean> {
  const from = context.request.query.get('from')
  const source = from === null ? null : findRepositoryName(from)
  if (from !== null && source === null) return Promise.resolve(false)
  const { principal, registry, can } = context
  if (source !== null && !can(principal, 'pull', source)) return Promise.resolve(false)
  return mountBlob(registry, {
    repository,
    digest,
    from: source,
    scope: readableBy(principal),
    by: principal.name,
  })
}

async function open(context: OciContext, repository: RepositoryName): Promise<Reply> {
  const session = await beginUpload(context.registry, {
    repository,
    principal: context.principal.name,
    algorithm: algorithmParameter(context.request),
  })
  return emptyReply(202, uploadHeaders(context, session, 0))
}

/** The whole blob in one request (distribution-spec "Single POST"). */
async function putWhole(context: OciContext, repository: RepositoryName, digest: Digest): Promise<Reply> {
  const { registry, principal, request } = context
  await putBlob(registry, { ...bodyOf(request), repository, principal: principal.name, digest })
  return blobCreated(context, repository, digest)
}

type UploadHandler = (context: OciContext, address: Address) => Promise<Reply>

/** Refusals after which the session lives: the client is told where to go on. */
const STEPS_ASIDE: ReadonlySet<ErrorCode> = new Set(['RANGE_INVALID', 'SIZE_INVALID'])

/** A chunk out of order is told where to go on; the session lives (distribution-spec "Pushing a blob in chunks"). */
function inStep(handle: UploadHandler): UploadHandler {
  return async (context, address) => {
    try {
      return await handle(context, address)
    } catch (error) {
      if (!(error instanceof RegistryError) || !STEPS_ASIDE.has(error.code)) throw error
      const session = sessionOf(context, address)
      const received =
        error instanceof UploadOutOfStep ? error.received : await getUploadProgress(context.registry, session)
      return errorReply(error, uploadHeaders(context, session, received))
    }
  }
}

function sessionOf({ principal }: OciContext, address: Address): UploadSession {
  return {
    id: parseUploadId(address.upload),
    repository: repositoryOf(address),
    principal: principal.name,
  }
}

function bodyOf(request: IncomingRequest): UploadBody {
  const header = request.header('content-range')
  const range = header === null ? null : chunkRange(header)
  if (range !== null && request.contentLength !== null && request.contentLength !== range.length) {
    throw new RegistryError(
      'SIZE_INVALID',
      `Content-Range names ${range.length} bytes, but Content-Length says ${request.contentLength}.`,
    )
  }
  return { body: request.contentLength === 0 ? null : request.body(), range }
}

function algorithmParameter(request: IncomingRequest): DigestAlgorithm {
  const named = request.query.get('digest-algorithm')
  return named === null ? 'sha256' : parseDigestAlgorithm(named)
}

function blobCreated(context: OciContext, repository: RepositoryName, digest: Digest): Reply {
  return emptyReply(201, {
    location: blobLocation(context, repository, digest),
    'docker-content-digest': digest,
  })
}

function uploadHeaders(
  context: OciContext,
  session: UploadSession,
  received: number,
): Record<string, string> {
  return {
    location: uploadLocation(context, session.repository, session.id),
    range: formatUploadRange(received),
    'docker-upload-uuid': session.id,
  }
}

function missingDigest(): never {
  throw new RegistryError(
    'DIGEST_INVALID',
    'Closing an upload needs its digest: add ?digest=sha256:… to the address.',
  )
}

/** Throws RANGE_INVALID. */
function chunkRange(header: string): ByteRange {
  try {
    return parseUploadRange(header)
  } catch (error) {
    throw error instanceof BadContentRange ? new RegistryError('RANGE_INVALID', error.message) : error
  }
}
