/** What lies in the folder of a registry, found without the code that put it there. */
import { type Dirent, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Digest → bytes, of all content under `blobs/`. What goes meanwhile may be among it or not. */
export function storedContent(data: string): Map<string, number> {
  const files = filesIn(join(data, 'docker/registry/v2/blobs/sha256'))
  const content = files.filter((path) => basename(path) === 'data')
  return new Map(content.map((path) => [`sha256:${basename(dirname(path))}`, sizeOf(path)]))
}

/** Content that was deleted and lies aside. */
export function condemnedFiles(data: string): string[] {
  return filesIn(join(data, 'berth/condemned'))
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function filesIn(folder: string): string[] {
  return entriesOf(folder).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesIn(path) : [path]
  })
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return [] // It has gone meanwhile.
  }
}
