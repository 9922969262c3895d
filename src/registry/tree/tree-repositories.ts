/**
 * Finds the repositories of a link tree. A folder is a repository where it has `_manifests` or `_layers`, and is
 * listed from the first on, as in distribution. Names nest, so every folder is looked into.
 */

import { byFolders, findRepositoryName, type RepositoryName } from '../../oci/repository-name.ts'
import { registryFolder, repositoriesFolder, repositoryFolder, rootFolder } from '../../storage/layout.ts'
import { isFolder, listOwn, reportOdd, type TreeReader } from './odd-entries.ts'
import type { TreeFiles } from './patient-files.ts'

export interface RepositoryInTree {
  readonly name: RepositoryName
  readonly isListed: boolean
}

const MANIFESTS = '_manifests'
const UPLOADS = '_uploads'
const OWN = [MANIFESTS, '_layers', UPLOADS]

/** Null where the tree has no repository of this name. */
export async function findRepositoryInTree(
  files: TreeFiles,
  name: RepositoryName,
): Promise<RepositoryInTree | null> {
  return repositoryOf(name, await files.list(repositoryFolder(name)))
}

export interface TreeWalker extends TreeReader {
  /** A folder cannot be looked into: those beside it can. */
  readonly onUnreadable: (folder: string, error: unknown) => void
  /** A folder that no name leads to holds repositories all the same. Where nobody wants to know, it is not looked into. */
  readonly onNameless?: (folder: string) => void
}

/**
 * Every repository with a name after `after`, in distribution's order, folder by folder: `a`, `a/b`, `a-b`. Throws
 * StorageUnavailable where not even the uppermost folder can be read.
 */
export async function* listRepositoriesInTree(
  walker: TreeWalker,
  after = '',
): AsyncGenerator<RepositoryInTree> {
  const folders = [{ path: repositoriesFolder, entries: await walker.files.list(repositoriesFolder) }]
  for (const path of FOLDERS_ABOVE) {
    // What leads back to one that cannot be listed cannot be listed either.
    folders.unshift({ path, entries: await walker.files.list(path).catch(() => []) })
  }
  yield* listBelow(walker, folders, '', after)
}

const FOLDERS_ABOVE = [
  rootFolder,
  ...registryFolder.split('/').map((_, at, parts) => parts.slice(0, at + 1).join('/')),
]

/** One that is being gone through, with the names of all that is in it. */
interface OpenedFolder {
  readonly path: string
  readonly entries: readonly string[]
}

/** Goes through the last of the folders, in which every name begins with `prefix`. */
async function* listBelow(
  walker: TreeWalker,
  folders: readonly OpenedFolder[],
  prefix: string,
  after: string,
): AsyncGenerator<RepositoryInTree> {
  const entries = folders.at(-1)?.entries ?? []
  for (const entry of entries.filter((each) => !OWN.includes(each)).sort(byFolders)) {
    const name = findRepositoryName(`${prefix}${entry}`)
    if (name === null) await reportNameless(walker, `${repositoriesFolder}/${prefix}${entry}`)
    if (name === null || !mayHold(name, after)) continue
    const opened = await openFolder(walker, folders, name)
    const found = repositoryOf(name, opened.entries)
    if (found !== null && byFolders(name, after) > 0) yield found
    yield* listBelow(walker, [...folders, opened], `${name}/`, after)
  }
}

async function reportNameless(walker: TreeWalker, folder: string): Promise<void> {
  await reportOdd(walker, folder, 'impossible name')
  if (walker.onNameless === undefined) return
  try {
    if (await mayHoldRepositories(walker.files, folder)) walker.onNameless(folder)
  } catch (error) {
    walker.onUnreadable(folder, error)
  }
}

/** So many folders are looked into; of what has more, nobody knows. */
const FOLDERS_LOOKED_INTO = 1_000

async function mayHoldRepositories(files: TreeFiles, folder: string): Promise<boolean> {
  const folders = [folder]
  // The list grows while it is gone through.
  for (const each of folders) {
    if (folders.length > FOLDERS_LOOKED_INTO) return true
    const entries = (await files.kindOf(each)) === 'folder' ? await files.list(each) : []
    if (entries.some((entry) => OWN.includes(entry))) return true
    folders.push(...entries.map((entry) => `${each}/${entry}`))
  }
  return false
}

/** Empty where it cannot be looked into, and where it leads back to one of the folders above: it would not end. */
async function openFolder(
  walker: TreeWalker,
  above: readonly OpenedFolder[],
  name: RepositoryName,
): Promise<OpenedFolder> {
  const path = repositoryFolder(name)
  try {
    const opened = { path, entries: await walker.files.list(path) }
    if (await leadsBack(walker.files, above, opened)) {
      walker.findings.add('link back', path)
      return { path, entries: [] }
    }
    await reportInside(walker, name, opened.entries)
    return opened
  } catch (error) {
    if (await leadsNowhere(walker, path)) walker.findings.add('dangling link', path)
    else walker.onUnreadable(path, error)
    return { path, entries: [] }
  }
}

/** What holds the same names may be the same folder, and only of that it is asked. */
async function leadsBack(
  files: TreeFiles,
  above: readonly OpenedFolder[],
  { path, entries }: OpenedFolder,
): Promise<boolean> {
  for (const folder of above) {
    const isAlike = entries.length > 0 && entries.join('/') === folder.entries.join('/')
    if (isAlike && (await files.isSame(folder.path, path))) return true
  }
  return false
}

/** As a symbolic link to itself does. */
async function leadsNowhere({ files }: TreeReader, path: string): Promise<boolean> {
  return (await files.kindOf(path).catch(() => 'other')) === null
}

function repositoryOf(name: RepositoryName, entries: readonly string[]): RepositoryInTree | null {
  const isListed = entries.includes(MANIFESTS)
  return isListed || entries.includes('_layers') ? { name, isListed } : null
}

/** Whether the folder or one inside it comes after the name. */
function mayHold(folder: string, after: string): boolean {
  return byFolders(folder, after) > 0 || `${after}/`.startsWith(`${folder}/`)
}

async function reportInside(
  walker: TreeReader,
  name: RepositoryName,
  entries: readonly string[],
): Promise<void> {
  const folder = repositoryFolder(name)
  if (entries.length === 0) await isFolder(walker, folder)
  if (entries.includes(MANIFESTS)) {
    await listOwn(walker, `${folder}/${MANIFESTS}`, (each) => each === 'revisions' || each === 'tags')
  }
  if (!entries.includes(UPLOADS)) return
  for (const upload of await walker.files.list(`${folder}/${UPLOADS}`)) {
    await reportOdd(walker, `${folder}/${UPLOADS}/${upload}`, 'upload in progress')
  }
}
