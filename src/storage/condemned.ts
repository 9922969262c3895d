/**
 * What condemned bytes are called: each batch of a few seconds has a folder, so that the oldest are found without
 * looking at the others, and no folder is ever large; and each rename has a name of its own, so that nobody who removes
 * what he has looked at can meet what came later.
 */
import { algorithmOf, type Digest, hexOf, isDigest } from '../oci/digest.ts'
import type { CondemnedBytes } from './blob-store.ts'

/** Milliseconds whose renames share a folder. */
export const FOLDER_SPAN = 10_000

/** The name of the folder for what is condemned now. */
export function condemnedFolderName(now: number): string {
  return String(Math.floor(now / FOLDER_SPAN))
}

/** Since when nothing more is put into a folder by a process that runs, in milliseconds since 1970; null where it is none of ours. */
export function endOfCondemnedFolder(name: string): number | null {
  return /^\d{1,12}$/.test(name) ? (Number(name) + 1) * FOLDER_SPAN : null
}

export function condemnedFileName(digest: Digest, epoch: number): string {
  return `${condemnedPrefix(digest)}${epoch}.${crypto.randomUUID().slice(0, 8)}`
}

/** With what every name of this digest begins. */
export function condemnedPrefix(digest: Digest): string {
  return `${algorithmOf(digest)}-${hexOf(digest)}.`
}

/** Whose bytes they are; null where the file is none of ours. */
export function parseCondemnedName(name: string): Pick<CondemnedBytes, 'digest' | 'epoch'> | null {
  const [, algorithm, hex, epoch] = /^(sha256|sha512)-([0-9a-f]+)\.(\d{1,15})\.[0-9a-f]{8}$/.exec(name) ?? []
  const digest = `${algorithm}:${hex}`
  return isDigest(digest) ? { digest, epoch: Number(epoch) } : null
}
