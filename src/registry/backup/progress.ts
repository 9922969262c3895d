/** How far a backup, or a restore, is with its blobs. */

export interface BackupProgress {
  readonly done: number
  readonly total: number
  readonly doneBytes: number
  readonly totalBytes: number
}

/** To be told of each blob that is done, of those that there are in all. */
export function tellingBlobs(
  tell: (progress: BackupProgress) => void,
  all: { readonly blobs: number; readonly bytes: number },
): (blob: { readonly size: number }) => void {
  let [done, doneBytes] = [0, 0]
  return ({ size }) => {
    done++
    doneBytes += size
    tell({ done, total: all.blobs, doneBytes, totalBytes: all.bytes })
  }
}
