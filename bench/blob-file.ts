/**
 * A large blob of random bytes in a file, which becomes another one for the price of its last bytes: no server
 * is pushed the same content twice, and nobody waits for a gigabyte to be made and hashed again.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'

const PIECE_BYTES = 1024 * 1024
const TAIL_BYTES = 64

export class BlobFile {
  readonly path: string
  readonly size: number
  readonly #headHash: Bun.CryptoHasher
  #digest: string

  private constructor(path: string, size: number, headHash: Bun.CryptoHasher) {
    this.path = path
    this.size = size
    this.#headHash = headHash
    this.#digest = this.#renewTail()
  }

  /** `size` is a multiple of 1 MiB. */
  static create(path: string, size: number): BlobFile {
    const hash = new Bun.CryptoHasher('sha256')
    const file = openSync(path, 'w')
    for (let written = 0; written < size; written += PIECE_BYTES) {
      const isLast = written + PIECE_BYTES >= size
      const piece = randomBytes(isLast ? PIECE_BYTES - TAIL_BYTES : PIECE_BYTES)
      hash.update(piece)
      writeSync(file, piece)
    }
    closeSync(file)
    return new BlobFile(path, size, hash)
  }

  get digest(): string {
    return this.#digest
  }

  /** Other bytes under another digest, of the same size. */
  renew(): void {
    this.#digest = this.#renewTail()
  }

  #renewTail(): string {
    const tail = randomBytes(TAIL_BYTES)
    const file = openSync(this.path, 'r+')
    writeSync(file, tail, 0, tail.length, this.size - tail.length)
    closeSync(file)
    return `sha256:${this.#headHash.copy().update(tail).digest('hex')}`
  }
}
