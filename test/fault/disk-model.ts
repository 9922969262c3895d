/**
 * A disk that promises nothing but what POSIX does: a file holds what it held at its last fsync, and a folder
 * shows the names that it had at its own. It follows the calls of a recording; at any moment it can be asked
 * what a power cut might leave. Calls that it does not know stop it, so that no change goes past it.
 *
 * It does not model shared memory: SQLite's `-shm` files are whatever they are after a crash, and SQLite
 * knows that.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import {
  type Call,
  descriptorPath,
  hasSucceeded,
  namedPaths,
  numberGiven,
  writtenBytes,
} from './recording.ts'

/** Disks write whole pages of this size, one by one. */
const PAGE = 4096

/** Whether a change that nobody synced is on the disk all the same. It is asked once for each. */
export type Survives = () => boolean

export const NOTHING_UNSYNCED: Survives = () => false
export const EVERYTHING: Survives = () => true

type Node = FileNode | FolderNode

/** A change of a file since its last sync. */
type FileChange = { readonly number: number } & (
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'size'; readonly size: number }
)

class FileNode {
  size = 0
  #synced = new Bytes()
  #changes: FileChange[] = []

  change(change: FileChange): void {
    this.#changes.push(change)
    this.size =
      change.kind === 'size' ? change.size : Math.max(this.size, change.offset + change.bytes.length)
  }

  syncedUpTo(number: number): void {
    for (const change of this.#changes) if (change.number <= number) this.#synced.apply(change)
    this.#changes = this.#changes.filter((change) => change.number > number)
  }

  contentAfterCut(survives: Survives): Uint8Array {
    const content = this.#synced.copy()
    for (const change of this.#changes.flatMap(pagesOf)) if (survives()) content.apply(change)
    return content.all()
  }
}

class FolderNode {
  readonly entries = new Map<string, Node>()
  synced: ReadonlyMap<string, Node> = new Map()
  syncedNumber = 0
}

/** Names that one call changed, in one folder or in two. */
interface NameChange {
  readonly number: number
  readonly entries: readonly {
    readonly folder: FolderNode
    readonly name: string
    readonly before: Node | null
    readonly after: Node | null
  }[]
}

interface BegunSync {
  readonly node: Node
  readonly number: number
  /** Of a folder. */
  readonly entries: ReadonlyMap<string, Node>
}

/** Made by bind(2), which is not recorded: nothing in it outlives its server. */
const CONTROL_SOCKET = /(?:^|\/)berth\/(?:c-|control\.sock)/

export class DiskModel {
  readonly #path: string
  readonly #root = new FolderNode()
  readonly #names: NameChange[] = []
  /** Where the next `write` of an open file goes; null where it is opened to append. */
  readonly #positions = new Map<number, number | null>()
  readonly #begunSyncs = new Map<Call, readonly BegunSync[]>()
  #number = 0

  /** `path` is an empty folder that is on the disk. */
  constructor(path: string) {
    this.#path = path
  }

  begin(call: Call): void {
    if (!/^(?:f(?:data)?sync|syncfs)$/.test(call.name)) return
    const path = this.#inside(descriptorPath(call))
    if (path === null) return
    const nodes = call.name === 'syncfs' ? [...everythingIn(this.#root)] : [this.#get(path)]
    const syncs = nodes.map((node) => ({
      node,
      number: this.#number,
      entries: new Map(node instanceof FolderNode ? node.entries : []),
    }))
    this.#begunSyncs.set(call, syncs)
  }

  end(call: Call): void {
    if (call.name === 'io_uring_setup')
      throw new Error('Files are written by io_uring, which strace cannot see.')
    if (!hasSucceeded(call)) return
    this.#number += 1
    const isNamed = /^(?:open|creat|mk|rmdir|unlink|rename|link|symlink|truncate)/.test(call.name)
    const paths = isNamed ? namedPaths(call) : [descriptorPath(call)]
    const inside = paths.map((path) => this.#inside(path))
    const [first, second] = inside
    if (first !== null && first !== undefined) this.#apply(call, first, second ?? null)
    else if (inside.some((path) => path !== null)) throw unknown(call)
  }

  /** Writes what a power cut would leave at this moment to an empty folder. */
  writeAfterCut(folder: string, survives: Survives): void {
    const views = new Map<FolderNode, Map<string, Node>>()
    const viewOf = (node: FolderNode) => {
      const view = views.get(node) ?? new Map(node.synced)
      views.set(node, view)
      return view
    }
    for (const { number, entries } of this.#names) {
      if (entries.every((each) => number <= each.folder.syncedNumber) || !survives()) continue
      for (const { folder: node, name, before, after } of entries) {
        if (number <= node.syncedNumber) continue
        const view = viewOf(node)
        if (after !== null) view.set(name, after)
        else if (view.get(name) === before) view.delete(name)
      }
    }
    writeFolder(folder, viewOf(this.#root), viewOf, survives)
  }

  #apply(call: Call, path: string, to: string | null): void {
    switch (call.name) {
      case 'open':
      case 'openat':
        this.#open(call, path)
        return
      case 'mkdir':
      case 'mkdirat':
        this.#rename([{ path, after: new FolderNode() }])
        return
      case 'unlink':
      case 'unlinkat':
      case 'rmdir':
        this.#rename([{ path, after: null }])
        return
      case 'rename':
      case 'renameat':
      case 'renameat2':
        if (to === null || /RENAME_(?:EXCHANGE|WHITEOUT)/.test(call.values)) throw unknown(call)
        this.#rename([
          { path: to, after: this.#get(path) },
          { path, after: null },
        ])
        return
      case 'write':
      case 'writev':
        this.#write(path, this.#advance(call, path), writtenBytes(call))
        return
      case 'pwrite64':
      case 'pwritev':
        this.#write(path, lastNumber(call), writtenBytes(call))
        return
      case 'ftruncate':
        this.#file(path).change({ number: this.#number, kind: 'size', size: lastNumber(call) })
        return
      case 'fsync':
      case 'fdatasync':
      case 'syncfs':
        this.#synced(call)
        return
      case 'mmap':
        if (/PROT_WRITE.*MAP_SHARED/.test(call.values) && !path.endsWith('-shm')) throw unknown(call)
        return
      case 'ioctl':
        if (/FICLONE|FIDEDUPE/.test(call.values)) throw unknown(call)
        return
      default:
        throw unknown(call)
    }
  }

  #open(call: Call, path: string): void {
    const isNew = call.values.includes('O_CREAT') && this.#find(path) === null
    if (isNew) this.#rename([{ path, after: new FileNode() }])
    if (!/O_WRONLY|O_RDWR/.test(call.values)) return
    if (call.values.includes('O_TRUNC'))
      this.#file(path).change({ number: this.#number, kind: 'size', size: 0 })
    this.#positions.set(numberGiven(call), call.values.includes('O_APPEND') ? null : 0)
  }

  /** Where a call that names no place writes. */
  #advance(call: Call, path: string): number {
    const descriptor = Number.parseInt(call.values, 10)
    const position = this.#positions.get(descriptor)
    if (position === undefined) throw new Error(`${path} is written through a descriptor nobody opened.`)
    if (position === null) return this.#file(path).size
    this.#positions.set(descriptor, position + numberGiven(call))
    return position
  }

  #write(path: string, offset: number, bytes: Uint8Array): void {
    this.#file(path).change({ number: this.#number, kind: 'write', offset, bytes })
  }

  #rename(changes: readonly { readonly path: string; readonly after: Node | null }[]): void {
    const entries = changes.map(({ path, after }) => {
      const folder = this.#get(dirname(path))
      if (!(folder instanceof FolderNode)) throw new Error(`${dirname(path)} is not a folder.`)
      const name = basename(path)
      const before = folder.entries.get(name) ?? null
      if (after === null) folder.entries.delete(name)
      else folder.entries.set(name, after)
      return { folder, name, before, after }
    })
    this.#names.push({ number: this.#number, entries })
  }

  #synced(call: Call): void {
    const begun = this.#begunSyncs.get(call)
    if (begun === undefined) throw new Error('A sync ended that never began.')
    for (const { node, number, entries } of begun) {
      if (node instanceof FileNode) {
        node.syncedUpTo(number)
      } else if (number >= node.syncedNumber) {
        // One that began earlier and ends later takes nothing back.

        node.synced = entries
        node.syncedNumber = number
      }
    }
  }

  #file(path: string): FileNode {
    const node = this.#get(path)
    if (node instanceof FileNode) return node
    throw new Error(`${path} is not a file.`)
  }

  #get(path: string): Node {
    const node = this.#find(path)
    if (node === null) throw new Error(`The recording does not say where ${path} comes from.`)
    return node
  }

  #find(path: string): Node | null {
    let node: Node | null = this.#root
    for (const name of path.split('/').filter((part) => part !== '' && part !== '.')) {
      node = node instanceof FolderNode ? (node.entries.get(name) ?? null) : null
    }
    return node
  }

  /** Relative to the modelled folder, or null for what lies outside. */
  #inside(path: string | null): string | null {
    if (path === null) return null
    const inside = relative(this.#path, path)
    if (CONTROL_SOCKET.test(inside)) return null
    return inside === '..' || inside.startsWith('../') ? null : `./${inside}`
  }
}

function* everythingIn(folder: FolderNode): Generator<Node> {
  yield folder
  for (const node of folder.entries.values()) {
    if (node instanceof FolderNode) yield* everythingIn(node)
    else yield node
  }
}

/** A file's bytes, which grow. */
class Bytes {
  #bytes: Uint8Array
  #size: number

  constructor(bytes: Uint8Array = new Uint8Array(), size = 0) {
    this.#bytes = bytes
    this.#size = size
  }

  apply(change: FileChange): void {
    if (change.kind === 'write') {
      this.#reserve(change.offset + change.bytes.length)
      this.#bytes.set(change.bytes, change.offset)
      this.#size = Math.max(this.#size, change.offset + change.bytes.length)
    } else {
      this.#reserve(change.size)
      this.#bytes.fill(0, Math.min(this.#size, change.size))
      this.#size = change.size
    }
  }

  copy(): Bytes {
    return new Bytes(this.#bytes.slice(), this.#size)
  }

  all(): Uint8Array {
    return this.#bytes.subarray(0, this.#size)
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(size, 2 * this.#bytes.length))
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}

/** A long write in the pieces that a disk may keep or lose apart. */
function pagesOf(change: FileChange): FileChange[] {
  if (change.kind === 'size') return [change]
  const { number, kind, offset, bytes } = change
  const pages: FileChange[] = []
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + PAGE - ((offset + from) % PAGE))
    pages.push({ number, kind, offset: offset + from, bytes: bytes.subarray(from, to) })
    from = to
  }
  return pages
}

function writeFolder(
  folder: string,
  entries: ReadonlyMap<string, Node>,
  viewOf: (node: FolderNode) => ReadonlyMap<string, Node>,
  survives: Survives,
): void {
  mkdirSync(folder, { recursive: true })
  for (const [name, node] of entries) {
    const path = join(folder, name)
    if (node instanceof FileNode) writeFileSync(path, node.contentAfterCut(survives))
    else writeFolder(path, viewOf(node), viewOf, survives)
  }
}

/** The last argument of a call, such as an offset or a size. */
function lastNumber({ values }: Call): number {
  return Number(/(\d+)$/.exec(values)?.[1] ?? Number.NaN)
}

function unknown({ name, values }: Call): Error {
  return new Error(`The model does not know what becomes of ${name}(${values.slice(0, 300)}).`)
}
