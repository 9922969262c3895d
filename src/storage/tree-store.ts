/**
 * The port for distribution's link tree: many small files that another registry may read at any moment.
 * Paths are relative to the storage root and come from layout.ts. It decides nothing about what the files
 * should hold; registry/tree does. Every driver passes tree-store.contract.ts.
 *
 * Invariant: a reader never sees half a file (temporary file and rename). Nothing is durable before `sync`.
 * Every method throws StorageUnavailable where the storage cannot do its part now.
 */
export interface TreeStore {
  /** The whole file, or null where there is none: never where that could not be found out. An empty file is an empty array. */
  read(path: string): Promise<Uint8Array | null>

  /** What is known of the file without reading it, or null where there is none. */
  stat(path: string): Promise<FileFacts | null>

  /** What lies there, behind symbolic links; null where nothing does, or a symbolic link leads nowhere. */
  kindOf(path: string): Promise<EntryKind | null>

  /** Whether both paths lead to one and the same file or folder, behind symbolic links. */
  isSame(one: string, other: string): Promise<boolean>

  /**
   * When what lies at the path was changed last, or, where nothing does, the nearest folder above: for something may
   * have been taken out of it. Milliseconds since 1970 by the storage's clock, without a fraction.
   */
  changedAt(path: string): Promise<number>

  /** Puts the file in place as a whole, with the folders above it. */
  write(path: string, bytes: Uint8Array): Promise<void>

  /** Removes one file. One that does not exist is no error; its folders stay, as distribution leaves them. */
  remove(path: string): Promise<void>

  /**
   * Takes a folder out of the tree at once, with all that is in it (renamed aside, then removed):
   * a half-removed folder would be seen as a tag. One that does not exist is no error.
   */
  removeFolder(path: string): Promise<void>

  /**
   * Removes a folder in which nothing lies: at once, so that whoever puts something into it comes before or after.
   * True when no folder is there any more; false for one that holds something, and for what is no folder.
   */
  removeEmptyFolder(path: string): Promise<boolean>

  /** Names in a folder, sorted by bytes; empty where there is no such folder. */
  list(path: string): Promise<string[]>

  /**
   * Makes what these paths hold now, absence included, survive a power loss, with the folders above them.
   * When it throws, write the files again before the next `sync`: a kernel that failed to write a page
   * forgets it, and the next sync of the same file says yes.
   */
  sync(paths: readonly string[]): Promise<void>
}

/** `other`: a socket, a device. */
export type EntryKind = 'file' | 'folder' | 'other'

export interface FileFacts {
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970, without a fraction. */
  readonly modifiedAt: number
}
