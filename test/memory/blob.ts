/**
 * Blobs that nobody has to keep: every byte follows from the blob's number and its position, and costs next to
 * nothing to make. No two blocks of a blob are equal, so bytes that went astray change the digest.
 */

/** Blobs are whole numbers of these. */
export const BLOCK_BYTES = 256 * 1024

export interface GeneratedBlob {
  /** Blobs of different numbers have different bytes. */
  readonly number: number
  readonly blocks: number
}

/** Room for a block, filled with what all blocks have; `numberBlock` makes it a certain one. */
export function newBlock(): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK_BYTES)
  for (let at = 0; at < block.length; at++) block[at] = (at * at) >>> 7
  return block
}

/** Makes a block the one at this place of a blob. */
export function numberBlock(block: Uint8Array<ArrayBuffer>, blob: GeneratedBlob, index: number): void {
  const view = new DataView(block.buffer, block.byteOffset)
  view.setUint32(0, blob.number)
  view.setUint32(4, index)
}

/** Takes half a second for a GiB. */
export function digestOfBlob(blob: GeneratedBlob): string {
  const hash = new Bun.CryptoHasher('sha256')
  const block = newBlock()
  for (let index = 0; index < blob.blocks; index++) {
    numberBlock(block, blob, index)
    hash.update(block)
  }
  return `sha256:${hash.digest('hex')}`
}
