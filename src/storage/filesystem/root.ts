/**
 * The root folder that both filesystem drivers work under: made when it is not there, with the folders that
 * a driver needs, and looked at once to know how to treat its volume.
 */
import { join, resolve } from 'node:path'
import { explaining } from './failures.ts'
import { makeDurableFolder } from './folders.ts'
import { type ShortCalls, shortCallsOn } from './short-calls.ts'
import { describeVolume, type VolumeKind } from './volume.ts'

export interface FilesystemOptions {
  /** The storage root. */
  readonly root: string
  /** What the root lies on; found out when not given. */
  readonly volume?: VolumeKind
}

export interface Root {
  /** Absolute. */
  readonly path: string
  readonly calls: ShortCalls
  readonly volume: VolumeKind
}

/** Opens the root and makes these folders under it. Throws StorageUnavailable. */
export async function openRoot(options: FilesystemOptions, folders: readonly string[]): Promise<Root> {
  const path = resolve(options.root)
  return explaining(path, async () => {
    for (const folder of folders) await makeDurableFolder(join(path, folder))
    const volume = options.volume ?? (await describeVolume(path)).type
    return { path, calls: shortCallsOn(volume), volume }
  })
}
