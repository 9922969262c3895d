/**
 * One request's hold on an upload: at most one writes at a time, in whichever process.
 *
 * A second writer means that the first one's client has gone, even where its connection does not show it yet:
 * so the second asks the first to let go, and goes on once that has closed its file. Where the first one's
 * lease has lapsed, nobody can tell whether it still writes, and the second goes on in a copy: a late flush
 * into a shared file once gave the right size, the right hash and the wrong bytes.
 */
import { abortable } from '../lib/abortable.ts'
import { findUpload, type UploadRow } from '../metadata/uploads.ts'
import type { Digest, DigestAlgorithm } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { newUploadId, type UploadId } from '../oci/upload-id.ts'
import { UploadTruncated, type UploadWriter } from '../storage/blob-store.ts'
import { RunningHash } from './live-uploads.ts'
import type { Registry } from './registry.ts'
import {
  type ClaimedUpload,
  claimUploadCommand,
  releaseUploadCommand,
  renewUploadCommand,
  type UploadSession,
  unknownUpload,
} from './uploads.commands.ts'

const LEASE = 15_000
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
  readonly #writer: string
  readonly #asked = new AbortController()
  readonly #looking: NodeJS.Timeout
  #renewed = performance.now()
  #received: number
  #digest: Digest | null
  #isOver = false

  private constructor(registry: Registry, session: UploadSession, upload: UploadRow, writer: string) {
    this.#registry = registry
    this.#session = session
    this.#upload = upload
    this.#writer = writer
    this.#received = upload.received
    this.#digest = upload.boot === registry.uploads.boot ? upload.digest : null
    // A look that fails is tried again at the next tick; the lease says how long that may go on.
    this.#looking = setInterval(() => void this.#lookForOthers().catch(() => undefined), LOOK_EVERY)
  }

  /**
   * Waits up to two seconds for whoever holds the upload.
   * Throws BLOB_UPLOAD_UNKNOWN, and UploadOutOfStep when the holder does not let go.
   */
  static async claim(registry: Registry, session: UploadSession): Promise<HeldUpload> {
    const writer = `${registry.uploads.process}/${crypto.randomUUID()}`
    const claim = { ...session, writer, lease: LEASE, copy: newUploadId() }
    const deadline = performance.now() + WAIT_FOR_HOLDER
    for (;;) {
      const claimed: ClaimedUpload = await registry.database.write(claimUploadCommand, claim)
      if (claimed.kind !== 'held') {
        const held = new HeldUpload(registry, session, claimed.upload, writer)
        if (claimed.kind === 'lapsed') await held.#goOnInCopy(claimed.from)
        return held
      }
      if (performance.now() > deadline) throw new UploadOutOfStep(claimed.upload.received)
      await Bun.sleep(ASK_AGAIN_AFTER)
    }
  }

  /** Without a copy there are no bytes, and the client begins again. Throws UploadOutOfStep, StorageUnavailable. */
  async #goOnInCopy(from: UploadId): Promise<void> {
    const { blobs } = this.#registry
    try {
      if (this.#received > 0) await blobs.copy(from, this.#upload.file, this.#received)
    } catch (error) {
      this.#received = 0
      this.#digest = null
      await this.release().catch(() => undefined)
      throw error instanceof UploadTruncated ? new UploadOutOfStep(0) : error
    } finally {
      // What cannot be discarded now is found at the next start.
      await blobs.discard(from).catch(() => undefined)
    }
  }

  /** Bytes so far. */
  get received(): number {
    return this.#received
  }

  /**
   * Writes a body behind what is there. What arrived counts, even when the body breaks off: then its error
   * is thrown, and the client goes on from there. When the storage fails, nothing of this body counts.
   * A body of another length than was announced does not count either. Throws SIZE_INVALID, UploadOutOfStep.
   */
  async append(body: AsyncIterable<Uint8Array>, announced: AnnouncedBody = {}): Promise<void> {
    const hash = this.#takeHash(announced.algorithm ?? this.#upload.algorithm)
    const writer = await this.#openWriter()
    const intake = await takeIn(abortable(body, this.#asked.signal), hash, writer)
    await writer.close()
    if (intake.error === null) requireLength(announced.length, intake.arrived)
    this.#received += intake.arrived
    this.#digest = hash?.digest() ?? null
    if (hash !== null) this.#registry.uploads.keep(this.#upload.id, hash)
    if (intake.error === this.#asked.signal.reason) throw new UploadOutOfStep(this.#received)
    if (intake.error !== null) throw intake.error
  }

  /**
   * The digest of what has been received, by the algorithm that is wanted: from the running hash where there
   * is one, else by reading the bytes once more. Throws UploadOutOfStep when the volume has lost some.
   */
  async digestBy(algorithm: DigestAlgorithm): Promise<Digest> {
    if (this.#digest?.startsWith(`${algorithm}:`)) return this.#digest
    const hash = new RunningHash(algorithm)
    try {
      for await (const chunk of this.#registry.blobs.read(this.#upload.file, this.#received))
        hash.update(chunk)
    } catch (error) {
      throw this.#outOfStep(error)
    }
    return hash.digest()
  }

  /** Makes the bytes the durable blob `digest`. Throws UploadOutOfStep when the volume has lost some. */
  async commit(digest: Digest): Promise<void> {
    try {
      await this.#registry.blobs.commit(this.#upload.file, digest, this.#received)
    } catch (error) {
      throw this.#outOfStep(error)
    }
  }

  /**
   * Stores how far it got, and lets the next writer in. Safe to call twice, and after `end`.
   * Throws UploadOutOfStep or BLOB_UPLOAD_UNKNOWN where somebody else has taken the upload: nothing of this counts.
   */
  async release(): Promise<void> {
    if (this.#isOver) return
    this.#stop()
    const wasMine = await this.#registry.database.write(releaseUploadCommand, {
      id: this.#upload.id,
      writer: this.#writer,
      received: this.#received,
      digest: this.#digest,
      boot: this.#registry.uploads.boot,
    })
    if (wasMine) return
    const now = await findUpload(this.#registry.database, this.#upload.id)
    throw now === null ? unknownUpload(this.#session) : new UploadOutOfStep(now.received)
  }

  /** The upload is a blob now, or gone: there is nothing to let go of. */
  end(): void {
    this.#stop()
    this.#registry.uploads.take(this.#upload.id, this.#received)
  }

  #stop(): void {
    this.#isOver = true
    clearInterval(this.#looking)
  }

  #takeHash(algorithm: DigestAlgorithm): RunningHash | null {
    const kept = this.#registry.uploads.take(this.#upload.id, this.#received)
    return kept ?? (this.#received === 0 ? new RunningHash(algorithm) : null)
  }

  async #openWriter(): Promise<UploadWriter> {
    try {
      return await this.#registry.blobs.append(this.#upload.file, this.#received)
    } catch (error) {
      throw this.#outOfStep(error)
    }
  }

  /** Fewer bytes on disk than the row says (a power cut): from now on the disk is the truth, and the client is told. */
  #outOfStep(error: unknown): unknown {
    if (!(error instanceof UploadTruncated)) return error
    this.#received = Math.min(error.found, this.#received)
    this.#digest = null
    return new UploadOutOfStep(this.#received)
  }

  /** Renews the lease, and notices when somebody else has asked for the upload. */
  async #lookForOthers(): Promise<void> {
    const { database } = this.#registry
    const { id, writerEpoch } = this.#upload
    const row = await findUpload(database, id)
    if (row?.writer !== this.#writer || row.writerEpoch !== writerEpoch) this.#asked.abort()
    if (row?.writer !== this.#writer || performance.now() - this.#renewed < RENEW_EVERY) return
    this.#renewed = performance.now()
    await database.write(renewUploadCommand, { id, writer: this.#writer, lease: LEASE })
  }
}

/** The request does not go on where the upload stands. The session lives; `received` is the truth, in bytes. */
export class UploadOutOfStep extends RegistryError {
  readonly received: number

  constructor(received: number) {
    super('RANGE_INVALID', `The upload has ${received} bytes: go on from there.`, { received })
    this.received = received
  }
}

function requireLength(announced: number | undefined, arrived: number): void {
  if (announced === undefined || announced === arrived) return
  throw new RegistryError(
    'SIZE_INVALID',
    `Content-Range names ${announced} bytes, but ${arrived} came: nothing of them was kept. Send the chunk again.`,
  )
}

/** Hashes and writes until the body ends or fails. The writer keeps its own error for `close`. */
async function takeIn(
  body: AsyncIterable<Uint8Array>,
  hash: RunningHash | null,
  writer: UploadWriter,
): Promise<{ readonly arrived: number; readonly error: unknown }> {
  let arrived = 0
  try {
    for await (const chunk of body) {
      hash?.update(chunk)
      await writer.write(chunk)
      arrived += chunk.length
    }
    return { arrived, error: null }
  } catch (error) {
    return { arrived, error }
  }
}
