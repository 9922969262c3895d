/** A call of each function of each noun, for whatever looks at the statements that they make (queries.test.ts). */
import { digestOf } from '../oci/digest.ts'
import { OCI_MANIFEST } from '../oci/media-type.ts'
import { parseRepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { parseUploadId } from '../oci/upload-id.ts'
import * as blobs from './blobs.ts'
import * as checks from './checks.ts'
import type { Transaction } from './database.ts'
import * as events from './events.ts'
import { EXPLANATION_SAMPLES } from './explanation.fixtures.ts'
import * as garbage from './garbage.ts'
import { JOB_SAMPLES } from './jobs.fixtures.ts'
import { COLLECTION_SAMPLES } from './leaving-blobs.fixtures.ts'
import * as manifestReviews from './manifest-reviews.ts'
import * as manifests from './manifests.ts'
import * as payloads from './payloads.ts'
import * as referrers from './referrers.ts'
import type { RepositoryId } from './repositories.ts'
import * as repositories from './repositories.ts'
import { RESTORED_SAMPLES } from './restored.fixtures.ts'
import * as reviews from './reviews.ts'
import * as settings from './settings.ts'
import * as tags from './tags.ts'
import * as tornFiles from './torn-files.ts'
import type { TrashId } from './trash.ts'
import * as trash from './trash.ts'
import * as trashed from './trashed.ts'
import type { TreeMark } from './tree.ts'
import * as tree from './tree.ts'
import * as uploads from './uploads.ts'
import { USAGE_SAMPLES } from './usage.fixtures.ts'
import { VERIFICATION_SAMPLES } from './verification.fixtures.ts'

const name = parseRepositoryName('team/app')
const repository = 1 as RepositoryId
const digest = digestOf(new Uint8Array([1]))
/** The tables are filled with manifests about it (queries.test.ts). */
export const other = digestOf(new Uint8Array([2]))
/** So many that they fill chunks of each size. */
const many = Array.from({ length: 111 }, (_, index) => digestOf(new Uint8Array([index])))
const tag = parseTag('v1')
const id = parseUploadId('01234567-89ab-cdef-0123-456789abcdef')
const mark: TreeMark = { kind: 'tag', repositoryId: repository, key: tag }
const trashId = 1 as TrashId
const page = { after: 'a', limit: 100 }
const afterReferrer = { after: { artifactType: 'type1', digest }, limit: 100 }
const upload = { id, repositoryId: repository, principal: 'ann', algorithm: 'sha256' } as const
const manifest = {
  digest,
  bytes: new Uint8Array([1]),
  mediaType: OCI_MANIFEST,
  artifactType: null,
  subject: other,
  annotations: '{}',
  size: 1,
  pushedBy: 'ann',
}

const someNames = { kind: 'repositories', names: Array.from({ length: 10 }, () => name) } as const

/** Calls of each function: several where its statements differ. They run in this order, in one transaction. */
export const SAMPLES: Readonly<Record<string, (tx: Transaction) => readonly (() => Promise<unknown>)[]>> = {
  findOrCreateRepository: (tx) => [() => repositories.findOrCreateRepository(tx, name)],
  findRepositoryId: (tx) => [() => repositories.findRepositoryId(tx, name)],
  findRepositoryName: (tx) => [() => repositories.findRepositoryName(tx, repository)],
  markListed: (tx) => [() => repositories.markListed(tx, repository)],
  markDeleted: (tx) => [() => repositories.markDeleted(tx, repository)],
  isRepositoryDeleted: (tx) => [() => repositories.isRepositoryDeleted(tx, repository)],
  findRepositoryWithBlob: (tx) => [
    () => repositories.findRepositoryWithBlob(tx, digest, { name, scope: { kind: 'everything' } }),
    () => repositories.findRepositoryWithBlob(tx, digest, { name: null, scope: { kind: 'everything' } }),
    () => repositories.findRepositoryWithBlob(tx, digest, { name: null, scope: someNames }),
  ],
  listRepositoryNames: (tx) => [
    () => repositories.listRepositoryNames(tx, { kind: 'everything' }, page),
    () => repositories.listRepositoryNames(tx, someNames, page),
  ],

  insertFoundRepositories: (tx) => [
    () =>
      checks.insertFoundRepositories(
        tx,
        many.map((_, at) => ({ name: parseRepositoryName(`found-${at}`), isListed: true })),
      ),
  ],
  findCheck: (tx) => [() => checks.findCheck(tx, name)],
  listUnchecked: (tx) => [() => checks.listUnchecked(tx, 'start', { after: 0, limit: 100 })],
  holdForAdoption: (tx) => [() => checks.holdForAdoption(tx, repository, 'start')],
  endAdoption: (tx) => [() => checks.endAdoption(tx, repository)],
  holdForCheck: (tx) => [() => checks.holdForCheck(tx, repository, 'start')],
  endCheck: (tx) => [() => checks.endCheck(tx, repository, { start: 'start', isListed: true })],

  insertFoundBlobs: (tx) => [
    () =>
      blobs.insertFoundBlobs(
        tx,
        repository,
        many.map((each) => ({ digest: each, size: 1, isReferred: true })),
        0,
      ),
  ],
  listLinkedBlobs: (tx) => [() => blobs.listLinkedBlobs(tx, repository, page)],
  hasReferences: (tx) => [() => blobs.hasReferences(tx, repository, digest)],
  forgetLostBlob: (tx) => [() => blobs.forgetLostBlob(tx, digest, 100)],
  insertBlob: (tx) => [() => blobs.insertBlob(tx, digest, 1, 0)],
  keepBlob: (tx) => [() => blobs.keepBlob(tx, digest, 0)],
  referToBlob: (tx) => [() => blobs.referToBlob(tx, digest, 0)],
  linkBlob: (tx) => [() => blobs.linkBlob(tx, repository, digest)],
  findLinkedBlobSize: (tx) => [() => blobs.findLinkedBlobSize(tx, name, digest)],
  isBlobLinked: (tx) => [() => blobs.isBlobLinked(tx, repository, digest)],
  findManifestDigests: (tx) => [() => manifests.findManifestDigests(tx, repository, many)],
  findLinkedBlobs: (tx) => [() => blobs.findLinkedBlobs(tx, repository, many)],
  findBlobSize: (tx) => [() => blobs.findBlobSize(tx, digest)],
  reviveBlob: (tx) => [() => blobs.reviveBlob(tx, digest, 0)],
  findBlobFacts: (tx) => [() => blobs.findBlobFacts(tx, digest)],
  holdBlobAsSeen: (tx) => [() => blobs.holdBlobAsSeen(tx, digest, 1)],
  listLinks: (tx) => [() => blobs.listLinks(tx, repository, page)],
  leaseBlob: (tx) => [() => blobs.leaseBlob(tx, digest, 0)],
  findBlobPromise: (tx) => [() => blobs.findBlobPromise(tx, name, digest)],
  touchLink: (tx) => [() => blobs.touchLink(tx, repository, digest)],
  ...COLLECTION_SAMPLES,
  unlinkBlob: (tx) => [() => blobs.unlinkBlob(tx, repository, digest)],

  insertManifest: (tx) => [() => manifests.insertManifest(tx, repository, manifest)],
  insertFoundManifests: (tx) => [
    () =>
      manifests.insertFoundManifests(
        tx,
        repository,
        many.map((each) => ({ ...manifest, digest: each, children: [other], blobs: [other], foundSince: 1 })),
        'ann',
      ),
  ],
  holdManifest: (tx) => [() => manifests.holdManifest(tx, repository, digest)],
  insertChildren: (tx) => [() => manifests.insertChildren(tx, repository, digest, many)],
  insertManifestBlobs: (tx) => [() => manifests.insertManifestBlobs(tx, repository, digest, many)],
  findManifestFactsByTag: (tx) => [() => manifests.findManifestFactsByTag(tx, name, tag)],
  findManifestFacts: (tx) => [() => manifests.findManifestFacts(tx, name, digest)],
  findManifestByTag: (tx) => [() => manifests.findManifestByTag(tx, name, tag)],
  findManifest: (tx) => [() => manifests.findManifest(tx, name, digest)],
  findPayload: (tx) => [() => manifests.findPayload(tx, digest)],
  listManifestTimes: (tx) => [() => manifests.listManifestTimes(tx, repository, page)],
  hasManifests: (tx) => [() => manifests.hasManifests(tx, repository)],
  hasManifest: (tx) => [() => manifests.hasManifest(tx, repository, digest)],

  listReferrerKeys: (tx) => [
    () => referrers.listReferrerKeys(tx, repository, other, { ...afterReferrer, which: 'all' }),
    () => referrers.listReferrerKeys(tx, repository, other, { ...afterReferrer, which: 'same type' }),
  ],
  listReferrersBetween: (tx) => [
    () =>
      referrers.listReferrersBetween(tx, repository, other, {
        ...afterReferrer,
        upTo: { artifactType: 'type2', digest },
      }),
  ],
  findWithoutSubject: (tx) => [() => referrers.findWithoutSubject(tx, repository, many)],

  pointTag: (tx) => [
    () => tags.pointTag(tx, repository, tag, { before: null, digest }),
    () => tags.pointTag(tx, repository, tag, { before: digest, digest: other }),
  ],
  findTagDigest: (tx) => [() => tags.findTagDigest(tx, repository, tag)],
  listTags: (tx) => [() => tags.listTags(tx, repository, page)],
  insertFoundTags: (tx) => [
    () =>
      tags.insertFoundTags(
        tx,
        repository,
        many.map((each, at) => ({ name: parseTag(`t${at}`), digest: each, since: 1, earlier: [] })),
        'ann',
      ),
  ],
  listTagRows: (tx) => [() => tags.listTagRows(tx, repository, page)],
  moveTagAsSeen: (tx) => [
    () => tags.moveTagAsSeen(tx, repository, { name: tag, digest, updatedAt: 1 }, other),
  ],
  deleteTagAsSeen: (tx) => [() => tags.deleteTagAsSeen(tx, repository, { name: tag, digest, updatedAt: 1 })],
  beginTagInterval: (tx) => [() => tags.beginTagInterval(tx, repository, tag, digest, 'ann')],
  endTagInterval: (tx) => [() => tags.endTagInterval(tx, repository, tag)],

  listTagIntervals: (tx) => [() => tags.listTagIntervals(tx, repository, tag, { before: null, limit: 10 })],
  findTagInterval: (tx) => [() => tags.findTagInterval(tx, repository, tag, 1)],
  hasNamed: (tx) => [() => tags.hasNamed(tx, repository, tag, digest)],

  holdPayload: (tx) => [() => payloads.holdPayload(tx, digest)],
  raisePayload: (tx) => [() => payloads.raisePayload(tx, digest)],
  insertPayload: (tx) => [() => payloads.insertPayload(tx, digest, new Uint8Array([1]))],
  isManifestAnywhere: (tx) => [() => payloads.isManifestAnywhere(tx, digest)],
  deletePayload: (tx) => [() => payloads.deletePayload(tx, other, 1)],

  createTrash: (tx) => [() => trash.createTrash(tx, repository, 'manifest', 'ann')],
  trashManifest: (tx) => [() => trash.trashManifest(tx, trashId, repository, digest)],
  trashTag: (tx) => [() => trash.trashTag(tx, trashId, tag, digest)],
  trashLink: (tx) => [() => trash.trashLink(tx, trashId, repository, digest)],
  findTrash: (tx) => [() => trash.findTrash(tx, trashId)],
  turnTrash: (tx) => [() => trash.turnTrash(tx, trashId, { from: ['kept', 'filling'], to: 'kept' })],
  letTrashGo: (tx) => [() => trash.letTrashGo(tx, trashId)],
  holdTrash: (tx) => [() => trash.holdTrash(tx, trashId, 'kept')],
  listTrashRows: (tx) => [
    () => trash.listTrashRows(tx, null, { before: null, limit: 10 }),
    () => trash.listTrashRows(tx, repository, { before: null, limit: 10 }),
  ],
  listExpiredTrash: (tx) => [() => trash.listExpiredTrash(tx, { before: 1, limit: 10 })],
  findKeptTrashWith: (tx) => [() => trash.findKeptTrashWith(tx, repository, digest, 1)],
  listDueManifestReviews: (tx) => [() => manifestReviews.listDueManifestReviews(tx, { now: 1, limit: 10 })],
  findNextManifestReview: (tx) => [() => manifestReviews.findNextManifestReview(tx)],
  endManifestReview: (tx) => [
    () => manifestReviews.endManifestReview(tx, { repository, manifest: digest, dueAt: 1 }),
  ],
  findUntaggedSince: (tx) => [() => manifestReviews.findUntaggedSince(tx, repository, digest)],
  listManifestPlaces: (tx) => [
    () => manifestReviews.listManifestPlaces(tx, { after: { repository: 1, manifest: other }, limit: 10 }),
  ],
  numberOfDeletions: (tx) => [() => trash.numberOfDeletions(tx, 100)],
  findOldestDeletion: (tx) => [() => trash.findOldestDeletion(tx)],
  listInterruptedTrash: (tx) => [() => trash.listInterruptedTrash(tx, { before: 1, limit: 10 })],
  findFillingTrash: (tx) => [() => trash.findFillingTrash(tx, repository)],
  countTrashed: (tx) => [() => trashed.countTrashed(tx, trashId)],
  listTrashedManifests: (tx) => [() => trashed.listTrashedManifests(tx, trashId, page)],
  listTrashedTags: (tx) => [() => trashed.listTrashedTags(tx, trashId, page)],
  listTrashedLinks: (tx) => [() => trashed.listTrashedLinks(tx, trashId, page)],
  listTrashedChildren: (tx) => [() => trashed.listTrashedChildren(tx, repository, digest, page)],
  holdTrashedManifest: (tx) => [() => trashed.holdTrashedManifest(tx, repository, digest)],
  insertTrashedManifest: (tx) => [() => trashed.insertTrashedManifest(tx, repository, digest)],
  findTrashedUser: (tx) => [() => trashed.findTrashedUser(tx, repository, other)],
  hasLiveUser: (tx) => [() => trashed.hasLiveUser(tx, repository, other)],
  findTrashedLinks: (tx) => [() => trashed.findTrashedLinks(tx, repository, many)],
  takeTrashedLink: (tx) => [() => trashed.takeTrashedLink(tx, repository, digest)],
  dropTrashedManifest: (tx) => [() => trashed.dropTrashedManifest(tx, trashId, digest)],
  dropTrashedTag: (tx) => [() => trashed.dropTrashedTag(tx, trashId, tag)],
  dropTrashedLink: (tx) => [() => trashed.dropTrashedLink(tx, trashId, digest)],
  dropEdges: (tx) => [() => trashed.dropEdges(tx, repository, digest)],
  forgetTrash: (tx) => [() => trash.forgetTrash(tx, 9_999_999 as TrashId)],
  deleteTag: (tx) => [() => tags.deleteTag(tx, repository, tag)],
  deleteTagsOf: (tx) => [() => tags.deleteTagsOf(tx, repository, digest, 10)],
  deleteManifest: (tx) => [() => manifests.deleteManifest(tx, repository, digest)],

  noteTornFiles: (tx) => [
    () =>
      tornFiles.noteTornFiles(
        tx,
        repository,
        'start',
        many.map((key) => ({ what: 'layer', key })),
      ),
  ],
  hasTornLinks: (tx) => [() => tornFiles.hasTornLinks(tx, repository)],
  forgetTornLink: (tx) => [() => tornFiles.forgetTornLink(tx, repository, { what: 'layer', key: digest })],
  forgetMendedFiles: (tx) => [() => tornFiles.forgetMendedFiles(tx, repository, 'start')],
  listTornFiles: (tx) => [
    () => tornFiles.listTornFiles(tx, 'manifest', { after: { repository, key: 'a' }, limit: 100 }),
  ],

  markTree: (tx) => [() => tree.markTree(tx, mark, { before: null, after: digest })],
  resettleTree: (tx) => [() => tree.resettleTree(tx, mark)],
  listTreeDirt: (tx) => [() => tree.listTreeDirt(tx, { after: 1, limit: 100 })],
  listPathDirt: (tx) => [() => tree.listPathDirt(tx, mark, 100)],
  listNewestPathDirt: (tx) => [() => tree.listNewestPathDirt(tx, mark, 100)],
  hasTreeDirt: (tx) => [() => tree.hasTreeDirt(tx, mark)],
  listDirtyTags: (tx) => [() => tree.listDirtyTags(tx, repository, 10)],
  noteShown: (tx) => [() => tree.noteShown(tx, { ids: [1], at: 1 })],
  clearTreeDirt: (tx) => [() => tree.clearTreeDirt(tx, mark, 100)],

  insertUpload: (tx) => [() => uploads.insertUpload(tx, upload)],
  findUpload: (tx) => [() => uploads.findUpload(tx, id)],
  listUploadsInProgress: (tx) => [() => uploads.listUploadsInProgress(tx, page)],
  findUploadByFile: (tx) => [() => uploads.findUploadByFile(tx, id)],
  listIdleUploads: (tx) => [() => uploads.listIdleUploads(tx, { before: 100, now: 100, limit: 100 })],
  takeUpload: (tx) => [
    () =>
      uploads.takeUpload(
        tx,
        { id, writerEpoch: 0 },
        { name: 'one/1', leaseUntil: 1, file: id, copiedFrom: id, closing: digest },
      ),
  ],
  forgetCopySource: (tx) => [() => uploads.forgetCopySource(tx, id, 'one/1')],
  storeUploadProgress: (tx) => [
    () => uploads.storeUploadProgress(tx, id, 'one/1', { received: 1, digest, boot: 'this' }),
  ],
  raiseWriterEpoch: (tx) => [() => uploads.raiseWriterEpoch(tx, id)],
  renewUploadLease: (tx) => [() => uploads.renewUploadLease(tx, id, 'one/1', 2)],
  releaseUpload: (tx) => [
    () => uploads.releaseUpload(tx, id, 'one/1', { received: 1, digest, boot: 'this' }),
  ],
  freeUpload: (tx) => [() => uploads.freeUpload(tx, id, 'one/1')],
  releaseUploadsOf: (tx) => [() => uploads.releaseUploadsOf(tx, 'one')],
  deleteIdleUpload: (tx) => [() => uploads.deleteIdleUpload(tx, id, 1)],
  deleteUploadOf: (tx) => [() => uploads.deleteUploadOf(tx, id, 'one/1')],
  deleteUpload: (tx) => [() => uploads.deleteUpload(tx, id)],

  listManifestDigests: (tx) => [() => garbage.listManifestDigests(tx, repository, page)],
  findTaggedDigests: (tx) => [() => garbage.findTaggedDigests(tx, repository, many)],
  listParents: (tx) => [() => garbage.listParents(tx, repository, digest, page)],
  listChildren: (tx) => [() => garbage.listChildren(tx, repository, digest, page)],
  listBlobsOfManifest: (tx) => [() => garbage.listBlobsOfManifest(tx, repository, digest, page)],
  findSubject: (tx) => [() => garbage.findSubject(tx, repository, digest)],
  listReferredDigests: (tx) => [() => garbage.listReferredDigests(tx, page)],
  listAllManifestDigests: (tx) => [() => garbage.listAllManifestDigests(tx, page)],
  listUsers: (tx) => [
    () => garbage.listUsers(tx, digest, { after: { repository: 1, manifest: other }, limit: 100 }),
  ],
  listRepositoriesWithManifest: (tx) => [
    () => garbage.listRepositoriesWithManifest(tx, digest, { after: 1, limit: 100 }),
  ],
  isManifestTrashed: (tx) => [() => garbage.isManifestTrashed(tx, { repository, manifest: digest })],
  isDigestTrashed: (tx) => [() => garbage.isDigestTrashed(tx, digest)],

  scheduleReview: (tx) => [
    () => reviews.scheduleReview(tx, { repository, digest, reason: 'blob uploaded', dueAt: 1 }),
  ],
  ...USAGE_SAMPLES,
  ...EXPLANATION_SAMPLES,
  insertEvent: (tx) => [
    () =>
      events.insertEvent(tx, {
        kind: 'manifest.pushed',
        repositoryId: repository,
        actor: 'ann',
        facts: '{}',
      }),
  ],
  changeNothing: (tx) => [() => settings.changeNothing(tx)],
  putSetting: (tx) => [() => settings.putSetting(tx, 'key', 'value')],
  replaceSetting: (tx) => [() => settings.replaceSetting(tx, 'key', { before: 'value', after: 'other' })],
  claimSetting: (tx) => [() => settings.claimSetting(tx, 'key', 'value')],
  findSetting: (tx) => [() => settings.findSetting(tx, 'key')],
  ...JOB_SAMPLES,
  ...VERIFICATION_SAMPLES,
  ...RESTORED_SAMPLES,
}
