/**
 * What is left on a disk, and the reserve that is kept there for when that is nothing: given up a moment after a disk was
 * found full, when nobody pushes any more, it is there for deletions, the database and collection. While it is not there
 * the disk counts as full, to every process of the server.
 */
import { Reserve } from '../storage/filesystem/reserve.ts'
import { describeVolume } from '../storage/filesystem/volume.ts'

/** What is thrown where there is no room. */
type Full = new (message: string) => Error

export class DiskRoom {
  readonly #folder: string
  readonly #reserve: Reserve
  readonly #Full: Full
  #wasKept = false

  constructor(folder: string, reserve: string, full: Full) {
    this.#folder = folder
    this.#reserve = new Reserve(reserve)
    this.#Full = full
  }

  /**
   * That so many bytes fit beside the reserve, which is made for that where it is not there; none: only that it is still
   * there, if it ever was. Where they do not fit, it is given up. Throws `full`, StorageUnavailable.
   */
  async require(bytes: number): Promise<void> {
    const isKept = await this.#reserve.isKept()
    if (bytes === 0) {
      if (this.#wasKept && !isKept) throw this.#isFull()
      return
    }
    const { freeBytes } = await describeVolume(this.#folder)
    if (freeBytes < bytes + (isKept ? 0 : this.#reserve.bytes)) {
      await this.giveUp()
      throw this.#isFull()
    }
    await this.#reserve.keep()
    this.#wasKept = true
  }

  giveUp(): Promise<void> {
    return this.#reserve.giveUp()
  }

  /** Bytes and files that may still be written: a disk is full also where only the one or the other is used up. */
  async left(): Promise<{ readonly freeBytes: number; readonly freeFiles?: number }> {
    const { freeBytes, freeFiles } = await describeVolume(this.#folder)
    return { freeBytes, ...(freeFiles === null ? {} : { freeFiles }) }
  }

  #isFull(): Error {
    return new this.#Full(`The disk that holds ${this.#folder} is full: free some space.`)
  }
}
