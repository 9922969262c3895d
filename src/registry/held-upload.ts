/**
 * One request's hold on an upload: at most one writes at a time, in whichever process.
 *
 * A second writer means that the first one's client has gone, even where its connection does not show it yet:
 * so the second asks the first to let go, and goes on once that has closed its file. Where the first one's
 * lease has lapsed, nobody can tell whether it still writes, and the second goes on in a copy: a late flush
 * into a shared file once gave the right size, the right hash and the wrong bytes.
 *
 * Whatever touches the database or the storage may throw StorageUnavailable, DatabaseUnavailable and
 * WriterUnavailable: then what had been acknowledged before still counts.
 */
import { abortable } from '../lib/abortable.ts'
import { Periodic } from '../lib/periodic.ts'
import { findUpload, type UploadProgress, type UploadRow } from '../metadata/uploads.ts'
import type { Digest, DigestAlgorithm } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { newUploadId, type UploadId } from '../oci/upload-id.ts'
import { UploadTruncated } from '../storage/blob-store.ts'
import { pastDeletion } from './gc/past-deletion.ts'
import { LEASE, RunningHash } from './live-uploads.ts'
import type { Registry } from './registry.ts'
import { requireStored } from './stored-bytes.ts'
import { type Intake, requireLength, takeIn } from './upload-intake.ts'
import {
  type ClaimedUpload,
  cancelUploadCommand,
  claimUploadCommand,
  finishUploadCommand,
  freeUploadCommand,
  releaseUploadCommand,
  renewUploadCommand,
  type UploadClaim,
  type UploadHold,
  type UploadSession,
  unknownUpload,
  uploadCopiedCommand,
} from './uploads.commands.ts'

const LOOK_EVERY = 500
const RENEW_EVERY = 3_000
const WAIT_FOR_HOLDER = 2_000
const ASK_AGAIN_AFTER = 50

/** What the caller knows of a body before it comes. */
export interface AnnouncedBody {
  /** What the closing digest will want. */
  readonly algorithm?: DigestAlgorithm
  /** Bytes. */
  readonly length?: number | undefined
}

export class HeldUpload {
  readonly #registry: Registry
  readonly #session: UploadSession
  readonly #upload: UploadRow
  readonly #hold: UploadHold
  readonly #asked = new AbortController()
  readonly #looking: Periodic
  #renewed = performance.now()
  #received: number
  /** Of the received bytes, where it is known. */
  #digest: Digest | null
  /** Where the bytes lie until they have been copied. */
  #copiedFrom: UploadId | null
  #isOver = false

  private constructor(registry: Registry, session: UploadSession, upload: UploadRow, writer: string) {
    this.#registry = registry
    this.#session = session
    this.#upload = upload
    this.#hold = { id: upload.id, writer }
    this.#received = upload.received
    this.#copiedFrom = upload.copiedFrom
    this.#digest = upload.boot === registry.uploads.boot ? upload.digest : null
    this.#looking = new Periodic({
      everyMilliseconds: LOOK_EVERY,
      work: () => this.#lookForOthers(),
      // A look that fails is tried again at the next tick; the lease says how long that may go on.
      onError: () => undefined,
    })
  }

  /**
   * Waits up to two seconds for whoever holds the upload. `closing` is what is to become of it, where that is known.
   * Throws BLOB_UPLOAD_UNKNOWN, and UploadOutOfStep when the holder does not let go, or a power cut has taken
   * bytes: the client cannot know that, and the row does from then on.
   */
  static async claim(
    registry: Registry,
    session: UploadSession,
    closing: Digest | null = null,
  ): Promise<HeldUpload> {
    const writer = `${registry.uploads.process}/${crypto.randomUUID()}`
    const reviewAfter = registry.policy.collection.lease
    const claim = { ...session, writer, closing, lease: LEASE, copy: newUploadId(), reviewAfter }
    const deadline = performance.now() + WAIT_FOR_HOLDER
    for (;;) {
      const { kind, upload } = await claimOnce(registry, claim)
      if (kind === 'claimed') {
        const held = new HeldUpload(registry, session, upload, writer)
        await held.#requireWhole()
        return held
      }
      if (performance.now() > deadline) throw new UploadOutOfStep(upload.received)
      await Bun.sleep(ASK_AGAIN_AFTER)
    }
  }

  /** Lets go where bytes are missing, or cannot be asked for: nobody else will. */
  async #requireWhole(): Promise<void> {
    const left = await this.#countBytesLeft()
    if (left === this.#received) return
    this.#received = left
    this.#digest = null
    await this.release().catch(() => this.releaseLater())
    throw new UploadOutOfStep(left)
  }

  /** Where the storage does not say, the row stays as it stands, so that the next one asks again. */
  async #countBytesLeft(): Promise<number> {
    try {
      return await findBytesLeft(this.#registry, this.#upload)
    } catch (error) {
      void this.#looking.stop()
      freeLater(this.#registry, this.#hold)
      throw error
    }
  }

  /** Bytes so far. */
  get received(): number {
    return this.#received
  }

  /** The received bytes are known to have this digest. */
  hasDigest(digest: Digest): boolean {
    return this.#digest === digest
  }

  /**
   * Writes a body behind what is there. What arrived counts, even when the body breaks off: then its error
   * is thrown, and the client goes on from there. When the storage fails, nothing of this body counts.
   * A body of another length than was announced does not count either.
   * Throws SIZE_INVALID, UploadOutOfStep, BLOB_UPLOAD_UNKNOWN.
   */
  async append(body: AsyncIterable<Uint8Array>, announced: AnnouncedBody = {}): Promise<void> {
    const hash = this.#takeHash(announced.algorithm ?? this.#upload.algorithm)
    const { arrived, error } = await this.#takeIn(body, hash)
    if (error === null) requireLength(announced.length, arrived)
    this.#received += arrived
    this.#digest = hash?.digest() ?? null
    if (hash !== null) this.#registry.uploads.keep(this.#upload.id, hash)
    if (error === this.#asked.signal.reason) throw new UploadOutOfStep(this.#received)
    if (error !== null) throw error
  }

  /**
   * The digest of what has been received, by the algorithm that is wanted: from the running hash where there
   * is one, else by reading the bytes once more.
   * Throws UploadOutOfStep when the volume has lost some, BLOB_UPLOAD_UNKNOWN when the upload is gone.
   */
  async digestBy(algorithm: DigestAlgorithm): Promise<Digest> {
    if (this.#digest?.startsWith(`${algorithm}:`)) return this.#digest
    const hash = new RunningHash(algorithm)
    try {
      await this.#takeOverBytes()
      for await (const chunk of this.#registry.blobs.read(this.#upload.file, this.#received)) {
        hash.update(chunk)
      }
    } catch (error) {
      throw this.#outOfStep(error)
    }
    return hash.digest()
  }

  /**
   * Makes the bytes, which have this digest, a durable blob of the repository; the upload is gone then.
   * May be done again when it failed or the process died, whatever came of it.
   * Throws UploadOutOfStep when the volume has lost bytes or somebody else has taken the upload,
   * BLOB_UPLOAD_UNKNOWN when it is gone, UNAVAILABLE when the blob is being removed at this moment.
   */
  async finish(digest: Digest): Promise<void> {
    await this.#saveProgress(digest)
    await this.#commit(digest)
    const blob = { digest, size: this.#received, lease: this.#registry.policy.collection.lease }
    const input = { ...this.#session, ...blob, writer: this.#hold.writer }
    const finished = await pastDeletion(this.#registry, digest, () =>
      this.#registry.database.write(finishUploadCommand, input),
    )
    if (finished.kind === 'taken-over') throw new UploadOutOfStep(finished.received)
    this.#end()
    await requireStored(this.#registry, blob)
  }

  /** Throws the upload and its bytes away, if it is still this one's. Throws BLOB_UPLOAD_UNKNOWN. */
  async discard(): Promise<void> {
    const { database, blobs } = this.#registry
    const reviewAfter = this.#registry.policy.collection.lease
    const input = { ...this.#session, writer: this.#hold.writer, reviewAfter }
    const files = await database.write(cancelUploadCommand, input)
    for (const file of files) await blobs.discard(file)
    this.#end()
  }

  /**
   * Stores how far it got, and lets the next writer in. Safe to call again, whether it failed or not, and when
   * the upload has ended. Throws UploadOutOfStep or BLOB_UPLOAD_UNKNOWN where somebody else has taken the
   * upload or ended it: nothing of this counts.
   */
  async release(): Promise<void> {
    if (this.#isOver) return
    void this.#looking.stop()
    const { database } = this.#registry
    const wasMine = await database.write(releaseUploadCommand, { ...this.#hold, ...this.#progress })
    this.#isOver = true
    if (!wasMine) throw await this.#lost()
  }

  /** Lets go as soon as the database can be reached again. Nobody waits for that, but the client's next request. */
  releaseLater(): void {
    this.#registry.uploads.letGoLater(() => this.release())
  }

  /** The upload is a blob now, or gone: there is nothing to let go of. */
  #end(): void {
    this.#isOver = true
    void this.#looking.stop()
    this.#registry.uploads.take(this.#upload.id, this.#received)
  }

  get #progress(): UploadProgress {
    return { received: this.#received, digest: this.#digest, boot: this.#registry.uploads.boot }
  }

  /**
   * Gives the bytes a file of their own, where a lapsed writer may still write to the one before. That one is
   * kept until the row says that it is not needed: whoever comes next can copy again.
   */
  async #takeOverBytes(): Promise<void> {
    const from = this.#copiedFrom
    if (from === null) return
    const { blobs, database } = this.#registry
    const { file } = this.#upload
    if (this.#received > 0) await blobs.copy(from, file, this.#received)
    const isMine = await database.write(uploadCopiedCommand, this.#hold)
    // What cannot be discarded now is found at the next start.
    await blobs.discard(isMine ? from : file).catch(() => undefined)
    if (!isMine) throw await this.#lost()
    this.#copiedFrom = null
  }

  /**
   * Acknowledged bytes must not be lost should the process die between the renaming of the file and the commit
   * of the row: so the row learns first what the file holds, and the closing request can be repeated.
   */
  async #saveProgress(digest: Digest): Promise<void> {
    this.#digest = digest
    const { received, digest: known, boot } = this.#upload
    const isKnown = received === this.#received && known === digest && boot === this.#progress.boot
    if (received === 0 || isKnown) return
    const renewal = { ...this.#hold, lease: LEASE, progress: this.#progress }
    if (!(await this.#registry.database.write(renewUploadCommand, renewal))) throw await this.#lost()
  }

  /** The bytes become the blob, unless they have before: then neither their file nor what it was copied from is there. */
  async #commit(digest: Digest): Promise<void> {
    const { blobs } = this.#registry
    try {
      const missing = await this.#takeOverBytes().then(() => null, truncationOf)
      await blobs.commit(this.#upload.file, digest, this.#received).catch((error) => {
        throw missing ?? error
      })
    } catch (error) {
      throw this.#outOfStep(error)
    }
  }

  async #takeIn(body: AsyncIterable<Uint8Array>, hash: RunningHash | null): Promise<Intake> {
    try {
      await this.#takeOverBytes()
      const writer = await this.#registry.blobs.append(this.#upload.file, this.#received)
      const intake = await takeIn(abortable(body, this.#asked.signal), hash, writer)
      await writer.close()
      return intake
    } catch (error) {
      throw this.#outOfStep(error)
    }
  }

  #takeHash(algorithm: DigestAlgorithm): RunningHash | null {
    const kept = this.#registry.uploads.take(this.#upload.id, this.#received)
    return kept ?? (this.#received === 0 ? new RunningHash(algorithm) : null)
  }

  /**
   * Fewer bytes on disk than the row says (a power cut): from now on the disk is the truth, and the client is
   * told. More than were written (somebody else writes): none of this request count.
   */
  #outOfStep(error: unknown): unknown {
    if (!(error instanceof UploadTruncated)) return error
    this.#received = Math.min(error.found, this.#received)
    this.#digest = null
    return new UploadOutOfStep(this.#received)
  }

  /** What to say where the row is not this writer's any more. */
  async #lost(): Promise<RegistryError> {
    const now = await findUpload(this.#registry.database, this.#upload.id)
    return now === null ? unknownUpload(this.#session) : new UploadOutOfStep(now.received)
  }

  /** Renews the lease, and notices when somebody else has asked for the upload. */
  async #lookForOthers(): Promise<void> {
    const { database } = this.#registry
    const { id, writerEpoch } = this.#upload
    const row = await findUpload(database, id)
    const isMine = row?.writer === this.#hold.writer
    if (!isMine || row.writerEpoch !== writerEpoch) this.#asked.abort()
    if (!isMine || performance.now() - this.#renewed < RENEW_EVERY) return
    this.#renewed = performance.now()
    await database.write(renewUploadCommand, { ...this.#hold, lease: LEASE, progress: null })
  }
}

/** A writer of the database that dies may have claimed the upload, for nobody. */
async function claimOnce(registry: Registry, claim: UploadClaim): Promise<ClaimedUpload> {
  try {
    return await registry.database.write(claimUploadCommand, claim)
  } catch (error) {
    if (!(error instanceof RegistryError)) freeLater(registry, { id: claim.id, writer: claim.writer })
    throw error
  }
}

function freeLater({ database, uploads }: Registry, hold: UploadHold): void {
  uploads.letGoLater(() => database.write(freeUploadCommand, hold))
}

/**
 * How many of an upload's bytes are left. While the machine runs, all of them; but neither they nor their row
 * are synced, so a power cut may keep the row and take the bytes. Whether those that are left are the right
 * ones shows at the end: of another run of the machine, no digest is believed.
 */
export async function findBytesLeft({ blobs, uploads }: Registry, upload: UploadRow): Promise<number> {
  if (upload.received === 0 || upload.boot === uploads.boot) return upload.received
  return Math.min(upload.received, await blobs.uploadSize(upload.copiedFrom ?? upload.file))
}

/** The request does not go on where the upload stands. The session lives; `received` is the truth, in bytes. */
export class UploadOutOfStep extends RegistryError {
  readonly received: number

  constructor(received: number) {
    super('RANGE_INVALID', `The upload has ${received} bytes: go on from there.`, { received })
    this.received = received
  }
}

function truncationOf(error: unknown): UploadTruncated {
  if (error instanceof UploadTruncated) return error
  throw error
}
