import { describe, expect, test } from 'bun:test'
import { chunksOf, patternedBytes } from '../blob-store.fixtures.ts'
import { withoutFirst } from './upload-writer.ts'

describe('after a write that took only a part', () => {
  const bytes = patternedBytes(10)

  test.each([0, 1, 3, 4, 5, 9, 10])('what follows the first %d bytes is left', (count) => {
    const rest = withoutFirst(chunksOf(bytes, 3, 1), count)
    expect(new Uint8Array(Buffer.concat(rest))).toEqual(bytes.slice(count))
  })
})
