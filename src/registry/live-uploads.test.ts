import { describe, expect, test } from 'bun:test'
import { digestOf } from '../oci/digest.ts'
import { newUploadId } from '../oci/upload-id.ts'
import { LiveUploads, RunningHash } from './live-uploads.ts'

const bytes = new TextEncoder().encode('some bytes')

describe('a running hash', () => {
  test.each(['sha256', 'sha512'] as const)('by %s tells the digest so far, and goes on', (algorithm) => {
    const hash = new RunningHash(algorithm)
    expect(hash.digest()).toBe(digestOf(new Uint8Array(), algorithm))
    hash.update(bytes.slice(0, 4))
    expect(hash.digest()).toBe(digestOf(bytes.slice(0, 4), algorithm))
    hash.update(bytes.slice(4))
    expect(hash.digest()).toBe(digestOf(bytes, algorithm))
    expect(hash.length).toBe(bytes.length)
  })
})

describe('live uploads', () => {
  function hashOf(length: number): RunningHash {
    const hash = new RunningHash('sha256')
    hash.update(new Uint8Array(length))
    return hash
  }

  test('hand a hash out once, so that two requests cannot go on with it', () => {
    const live = new LiveUploads('process', 'boot')
    const id = newUploadId()
    const hash = hashOf(3)
    live.keep(id, hash)
    expect(live.take(id, 3)).toBe(hash)
    expect(live.take(id, 3)).toBeNull()
  })

  test('do not hand out the hash of another length, and forget it', () => {
    const live = new LiveUploads('process', 'boot')
    const id = newUploadId()
    live.keep(id, hashOf(3))
    expect(live.take(id, 4)).toBeNull()
    expect(live.take(id, 3)).toBeNull()
  })

  test('know nothing of an upload that they have not seen', () => {
    expect(new LiveUploads('process', 'boot').take(newUploadId(), 0)).toBeNull()
  })

  test('keep a bounded number, and forget the one that rested longest', () => {
    const live = new LiveUploads('process', 'boot')
    const ids = Array.from({ length: 4097 }, newUploadId)
    const [oldest, touched, ...rest] = ids
    if (oldest === undefined || touched === undefined) throw new Error('there are thousands')
    live.keep(touched, hashOf(0))
    live.keep(oldest, hashOf(0))
    live.keep(touched, live.take(touched, 0) ?? hashOf(1))
    for (const id of rest) live.keep(id, hashOf(0))
    expect(live.take(oldest, 0)).toBeNull()
    expect(live.take(touched, 0)).not.toBeNull()
  })
})
