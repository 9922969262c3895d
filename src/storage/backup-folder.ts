/**
 * The port for where backups lie: files with names of few parts, written once, as a whole, and never changed. It
 * knows nothing of what is in them. Paths are relative and separated by `/`.
 *
 * Invariant: a file that is there is whole, and durable once `write` has resolved; its name is once `sync` has.
 * Every method throws StorageUnavailable where the storage cannot do its part now.
 */
export interface BackupFolder {
  /** Where it lies, for people. */
  readonly path: string

  /**
   * Puts a file in place as a whole, with the folders above it, readable by its owner alone; gives its size in bytes.
   * What fails leaves nothing behind, whatever the source throws.
   */
  write(path: string, bytes: AsyncIterable<Uint8Array>): Promise<number>

  /** The file's bytes; throws StorageUnavailable where there is none. */
  read(path: string): AsyncIterable<Uint8Array>

  /** The file's size in bytes, or null where there is none. */
  stat(path: string): Promise<number | null>

  /** Names in a folder, sorted by bytes; none where there is no such folder. */
  list(path: string): Promise<string[]>

  /** Gives a file or a folder another name, which must be free. */
  rename(from: string, to: string): Promise<void>

  /** Removes a file, or a folder with all that is in it. One that does not exist is no error. */
  remove(path: string): Promise<void>

  /** Makes the entries of a folder survive a power loss, and those of the folders above it. */
  sync(folder: string): Promise<void>

  /** Removes what writers have left that were killed. Nobody else may be writing. */
  clear(): Promise<void>
}
