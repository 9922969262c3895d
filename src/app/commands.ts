/** Every write there is, by name: what the writer can run. A command that is missing here cannot be called. */
import { claimJobCommand, endJobCommand, renewJobCommand } from '../jobs/jobs.commands.ts'
import type { AnyCommand } from '../metadata/database.ts'
import { loadRowsCommand } from '../registry/backup/metadata.commands.ts'
import { showRestoredCommand } from '../registry/backup/restore-tree.commands.ts'
import { settleBlobsCommand } from '../registry/backup/stored-blobs.commands.ts'
import { leaseBlobCommand, mountBlobCommand, unlinkBlobCommand } from '../registry/blobs.commands.ts'
import {
  endDeletionCommand,
  reviewBytesCommand,
  takeStraysCommand,
} from '../registry/gc/deletion.commands.ts'
import { reviewGarbageCommand, takeUntaggedCommand } from '../registry/gc/garbage-deletion.commands.ts'
import { reviewBlobsCommand } from '../registry/gc/reviews.commands.ts'
import { claimIdentityCommand } from '../registry/identity.ts'
import { deleteManifestCommand, putManifestCommand } from '../registry/manifests.commands.ts'
import { forgetTrialCommand, noteTrialCommand } from '../registry/obstacles.ts'
import { probeWritesCommand } from '../registry/readiness.ts'
import {
  beginRepositoryDeletionCommand,
  cancelUploadsCommand,
  deleteManifestsCommand,
  dropLinksCommand,
  endRepositoryDeletionCommand,
} from '../registry/repositories.commands.ts'
import {
  beginRestorationCommand,
  endRestorationCommand,
  restoreLinksCommand,
  restoreManifestsCommand,
  restoreTagsCommand,
} from '../registry/restoration.commands.ts'
import { deleteTagCommand, restoreTagCommand } from '../registry/tags.commands.ts'
import {
  beginEmptyingCommand,
  beginPurgeCommand,
  emptyTrashCommand,
  letTrashGoCommand,
} from '../registry/trash.commands.ts'
import {
  clearMarksCommand,
  forgetOvertakenCommand,
  noteShownCommand,
} from '../registry/tree/link-tree.commands.ts'
import { forgetTreeFactsCommand } from '../registry/tree/reindex.commands.ts'
import {
  beginStartCommand,
  claimPassCommand,
  endBlobLookCommand,
  endPassCommand,
  nameRepositoriesCommand,
  takeFromTreeCommand,
} from '../registry/tree/tree.commands.ts'
import {
  forgetManifestReviewsCommand,
  reviewManifestsCommand,
  seedManifestReviewsCommand,
} from '../registry/untagged.commands.ts'
import {
  beginUploadCommand,
  cancelUploadCommand,
  claimUploadCommand,
  expireUploadsCommand,
  finishUploadCommand,
  freeUploadCommand,
  releaseUploadCommand,
  releaseUploadsOfCommand,
  renewUploadCommand,
  uploadCopiedCommand,
} from '../registry/uploads.commands.ts'
import { countUsageCommand } from '../registry/usage.commands.ts'
import {
  countAgainCommand,
  dropPayloadCommand,
  forgetDamageCommand,
  mendPayloadCommand,
  noteDamageCommand,
  putScrubStateCommand,
  reviewStrayCommand,
  showLinksCommand,
  showPayloadCommand,
} from '../registry/verify/repair.commands.ts'

export const COMMANDS: readonly AnyCommand[] = [
  claimIdentityCommand,
  probeWritesCommand,
  noteTrialCommand,
  forgetTrialCommand,
  putManifestCommand,
  deleteManifestCommand,
  deleteTagCommand,
  restoreTagCommand,
  beginRepositoryDeletionCommand,
  deleteManifestsCommand,
  cancelUploadsCommand,
  dropLinksCommand,
  endRepositoryDeletionCommand,
  beginRestorationCommand,
  restoreManifestsCommand,
  restoreTagsCommand,
  restoreLinksCommand,
  endRestorationCommand,
  beginEmptyingCommand,
  beginPurgeCommand,
  emptyTrashCommand,
  letTrashGoCommand,
  reviewManifestsCommand,
  forgetManifestReviewsCommand,
  seedManifestReviewsCommand,
  mountBlobCommand,
  unlinkBlobCommand,
  leaseBlobCommand,
  reviewBlobsCommand,
  reviewGarbageCommand,
  takeUntaggedCommand,
  endDeletionCommand,
  reviewBytesCommand,
  takeStraysCommand,
  beginUploadCommand,
  claimUploadCommand,
  renewUploadCommand,
  uploadCopiedCommand,
  freeUploadCommand,
  releaseUploadCommand,
  releaseUploadsOfCommand,
  finishUploadCommand,
  cancelUploadCommand,
  expireUploadsCommand,
  clearMarksCommand,
  forgetOvertakenCommand,
  noteShownCommand,
  beginStartCommand,
  nameRepositoriesCommand,
  takeFromTreeCommand,
  claimPassCommand,
  endBlobLookCommand,
  endPassCommand,
  forgetTreeFactsCommand,
  claimJobCommand,
  renewJobCommand,
  endJobCommand,
  noteDamageCommand,
  forgetDamageCommand,
  showPayloadCommand,
  mendPayloadCommand,
  dropPayloadCommand,
  showLinksCommand,
  reviewStrayCommand,
  countAgainCommand,
  putScrubStateCommand,
  countUsageCommand,
  loadRowsCommand,
  settleBlobsCommand,
  showRestoredCommand,
]
