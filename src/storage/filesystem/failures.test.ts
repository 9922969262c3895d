import { describe, expect, test } from 'bun:test'
import { StorageFull, StorageReadOnly, StorageUnavailable } from '../blob-store.ts'
import { explained, isAbsence } from './failures.ts'

function kernelError(code: string, path?: string): Error {
  return Object.assign(new Error(`${code}: something`), path === undefined ? { code } : { code, path })
}

describe('explained', () => {
  test.each([
    ['ENOSPC', 'free some space'],
    ['EDQUOT', 'quota'],
    ['EFBIG', 'ulimit -f'],
    ['EROFS', 'mount it for writing'],
    ['EACCES', 'the right to read and write'],
    ['EPERM', 'the right to read and write'],
    ['EMFILE', 'ulimit -n'],
    ['ENFILE', 'ulimit -n'],
    ['EIO', 'dmesg'],
    ['ESTALE', 'network volume'],
    ['ENOENT', 'still mounted'],
    ['EXDEV', 'on one'],
  ])('%s says which place, and what to do', (code, remedy) => {
    const cause = kernelError(code)
    const error = explained(cause, '/srv/registry')
    expect(error).toBeInstanceOf(StorageUnavailable)
    expect(error).toHaveProperty('cause', cause)
    expect(String(error)).toContain('/srv/registry')
    expect(String(error)).toContain(remedy)
  })

  test.each([
    ['ENOSPC', StorageFull],
    ['EDQUOT', StorageFull],
    ['EROFS', StorageReadOnly],
    ['EIO', StorageUnavailable],
  ])('%s says by its class what whoever pushes may know', (code, Unavailable) => {
    const error = explained(kernelError(code), '/srv/registry')
    expect(error).toHaveProperty('constructor', Unavailable)
  })

  test('names the path that the kernel named', () => {
    const error = explained(kernelError('EACCES', '/srv/registry/docker'), '/srv/registry')
    expect(String(error)).toContain('/srv/registry/docker:')
  })

  test('leaves a fault of ours as it is', () => {
    const fault = new TypeError('not a function')
    expect(explained(fault, '/srv/registry')).toBe(fault)
    const unknown = kernelError('EBADF')
    expect(explained(unknown, '/srv/registry')).toBe(unknown)
  })
})

test('only ENOENT and ENOTDIR say that nothing is there', () => {
  const codes = ['ENOENT', 'ENOTDIR', 'EIO', 'EACCES', 'ESTALE', 'EMFILE', 'ELOOP']
  expect(codes.filter((code) => isAbsence(kernelError(code)))).toEqual(['ENOENT', 'ENOTDIR'])
})
