/**
 * Makes everything on a volume durable with one call (syncfs(2)), by way of the program `sync`, for the runtime
 * has no such call. An fsync for each of a hundred small files and of their folders has the disk flushed a
 * hundred times, and takes more of the processor than starting a program does.
 * It waits for what other programs have written too, so it is for work that nobody waits for.
 */
import type { VolumeKind } from './volume.ts'

/** syncfs is known to wait for the disk, and to tell of what failed, on Linux; on a network or behind FUSE it may do nothing. */
export function canSyncVolume(volume: VolumeKind): boolean {
  return process.platform === 'linux' && volume.kind === 'local'
}

/**
 * True when everything that was written before the call is on the disk. False when that is not known: `sync` is
 * missing, knows no such option or reports a failure. Then each file must be synced by itself, which also says
 * what is wrong.
 */
export async function syncVolume(path: string): Promise<boolean> {
  try {
    return (await Bun.spawn(['sync', '-f', path], { stdio: ['ignore', 'ignore', 'ignore'] }).exited) === 0
  } catch {
    return false
  }
}
