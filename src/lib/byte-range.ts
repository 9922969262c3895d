/** A part of a body: `length` bytes from `offset` on. Always inside the body it was resolved against. */
export interface ByteRange {
  readonly offset: number
  readonly length: number
}
