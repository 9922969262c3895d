/** The link tree in this process's memory: for tests, and for `storage: inmemory`. Folders stay when they are empty, as on a disk. */
import type { EntryKind, FileFacts, TreeStore } from '../tree-store.ts'

export function openMemoryTreeStore(): TreeStore {
  return new MemoryTreeStore()
}

interface StoredFile {
  readonly bytes: Uint8Array
  readonly modifiedAt: number
}

class Folder extends Map<string, Folder | StoredFile> {
  changedAt = Date.now()

  override set(name: string, entry: Folder | StoredFile): this {
    this.changedAt = Date.now()
    return super.set(name, entry)
  }

  override delete(name: string): boolean {
    this.changedAt = Date.now()
    return super.delete(name)
  }
}

class MemoryTreeStore implements TreeStore {
  readonly #root = new Folder()

  async read(path: string): Promise<Uint8Array | null> {
    return this.#findFile(path)?.bytes.slice() ?? null
  }

  async stat(path: string): Promise<FileFacts | null> {
    const file = this.#findFile(path)
    return file === null ? null : { size: file.bytes.length, modifiedAt: file.modifiedAt }
  }

  async kindOf(path: string): Promise<EntryKind | null> {
    const found = this.#find(path)
    if (found === null) return null
    return found instanceof Folder ? 'folder' : 'file'
  }

  async isSame(one: string, other: string): Promise<boolean> {
    return this.#find(one) === this.#find(other)
  }

  async changedAt(path: string): Promise<number> {
    const file = this.#findFile(path)
    if (file !== null) return file.modifiedAt
    const found = this.#find(path)
    if (found instanceof Folder) return found.changedAt
    return await this.changedAt(split(path).parents.join('/'))
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const { parents, name } = split(path)
    let folder = this.#root
    for (const parent of parents) folder = openFolder(folder, parent)
    folder.set(name, { bytes: bytes.slice(), modifiedAt: Date.now() })
  }

  async remove(path: string): Promise<void> {
    this.#take(path)
  }

  async removeFolder(path: string): Promise<void> {
    this.#take(path)
  }

  async removeEmptyFolder(path: string): Promise<boolean> {
    const found = this.#find(path)
    if (found === null) return true
    if (!(found instanceof Folder) || found.size > 0) return false
    this.#take(path)
    return true
  }

  async list(path: string): Promise<string[]> {
    const found = this.#find(path)
    return found instanceof Folder ? [...found.keys()].sort() : []
  }

  async sync(): Promise<void> {}

  #find(path: string): Folder | StoredFile | null {
    let found: Folder | StoredFile | null = this.#root
    for (const name of path === '' ? [] : path.split('/')) {
      found = found instanceof Folder ? (found.get(name) ?? null) : null
    }
    return found
  }

  #findFile(path: string): StoredFile | null {
    const found = this.#find(path)
    return found === null || found instanceof Folder ? null : found
  }

  #take(path: string): void {
    const { parents, name } = split(path)
    const folder = this.#find(parents.join('/'))
    if (folder instanceof Folder) folder.delete(name)
  }
}

function split(path: string): { parents: string[]; name: string } {
  const parents = path.split('/')
  const name = parents.pop() ?? ''
  return { parents, name }
}

function openFolder(above: Folder, name: string): Folder {
  const found = above.get(name)
  if (found instanceof Folder) return found
  const made = new Folder()
  above.set(name, made)
  return made
}
