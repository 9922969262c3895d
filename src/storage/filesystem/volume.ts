/**
 * What kind of volume a path lies on, and how much is free there. It decides nothing: whether SQLite or a
 * full disk is acceptable is for those who ask. Kinds are known on Linux only, by statfs(2)'s magic number;
 * elsewhere a volume counts as local.
 */
import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { explained, isAbsence } from './failures.ts'

/**
 * `network`: shared between machines, where locks and shared memory cannot be trusted. `fuse`: a program or a
 * host (virtiofs) behind it, of which nothing more is known.
 */
export type VolumeKind =
  | { readonly kind: 'local' }
  | { readonly kind: 'network'; readonly name: string }
  | { readonly kind: 'fuse' }

export interface Volume {
  readonly type: VolumeKind
  /** Bytes that this user may still write. */
  readonly freeBytes: number
  /** Files that may still be made, or null where the filesystem sets no such number. */
  readonly freeFiles: number | null
}

const LOCAL: VolumeKind = { kind: 'local' }
const FUSE_MAGIC = 0x65735546

/** statfs(2) and the headers of each filesystem. */
const NETWORK_NAMES: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'SMB'],
  [0x01021997, '9p'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0x20030528, 'OrangeFS'],
  [0x786f4256, 'a VirtualBox shared folder'],
  [0xbacbacbc, 'a VMware shared folder'],
  [0x7c7c6673, 'a Parallels shared folder'],
])

/** The kind that belongs to Linux's magic number. What is not known to be shared is local. */
export function volumeKind(magic: number): VolumeKind {
  const unsigned = magic >>> 0
  if (unsigned === FUSE_MAGIC) return { kind: 'fuse' }
  const name = NETWORK_NAMES.get(unsigned)
  return name === undefined ? LOCAL : { kind: 'network', name }
}

/** Describes the volume under a path; one that does not exist yet lies where its nearest folder does. Throws StorageUnavailable. */
export async function describeVolume(path: string): Promise<Volume> {
  const absolute = resolve(path)
  try {
    const found = await statfs(absolute)
    return {
      type: process.platform === 'linux' ? volumeKind(found.type) : LOCAL,
      freeBytes: found.bavail * found.bsize,
      freeFiles: found.files > 0 ? found.ffree : null,
    }
  } catch (error) {
    const above = dirname(absolute)
    if (isAbsence(error) && above !== absolute) return describeVolume(above)
    throw explained(error, absolute)
  }
}
