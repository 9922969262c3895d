import { describe, expect, test } from 'bun:test'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeVolume, volumeKind } from './volume.ts'

describe('volumeKind', () => {
  test.each([
    ['ext4', 0xef53],
    ['XFS', 0x58465342],
    ['btrfs', 0x9123683e],
    ['ZFS', 0x2fc12fc1],
    ['tmpfs', 0x01021994],
    ['overlayfs', 0x794c7630],
  ])('%s is local', (_name, magic) => {
    expect(volumeKind(magic)).toEqual({ kind: 'local' })
  })

  test.each([
    ['NFS', 0x6969],
    ['SMB', 0x517b],
    ['SMB', 0xfe534d42],
    ['SMB', 0xff534d42],
    ['9p', 0x01021997],
    ['Ceph', 0x00c36400],
    ['Lustre', 0x0bd00bd0],
  ])('%s is a network volume', (name, magic) => {
    expect(volumeKind(magic)).toEqual({ kind: 'network', name })
  })

  test('a number that arrives with its sign is the same number', () => {
    expect(volumeKind(0xff534d42 | 0)).toEqual({ kind: 'network', name: 'SMB' })
  })

  test('FUSE and virtiofs are what they are', () => {
    expect(volumeKind(0x65735546)).toEqual({ kind: 'fuse' })
  })
})

describe('describeVolume', () => {
  test('tells what is free where the path lies', async () => {
    const volume = await describeVolume(tmpdir())
    expect(['local', 'network', 'fuse']).toContain(volume.type.kind)
    expect(volume.freeBytes).toBeGreaterThan(0)
  })

  test('a folder that is still to be made lies where its nearest folder does', async () => {
    const here = await describeVolume(tmpdir())
    const there = await describeVolume(join(tmpdir(), 'not', 'made', crypto.randomUUID()))
    expect(there.type).toEqual(here.type)
  })
})
