/**
 * Finds the repositories of a link tree. A folder is a repository where it has `_manifests` or `_layers`, and is
 * listed from the first on, as in distribution. Names nest, so every folder is looked into.
 */
import { findRepositoryName, type RepositoryName } from '../../oci/repository-name.ts'
import { repositoriesFolder, repositoryFolder } from '../../storage/layout.ts'
import type { TreeStore } from '../../storage/tree-store.ts'
import type { Findings } from './findings.ts'
import type { TreeReader } from './tree-links.ts'

export interface RepositoryInTree {
  readonly name: RepositoryName
  readonly isListed: boolean
}

const MANIFESTS = '_manifests'
const OWN = [MANIFESTS, '_layers', '_uploads']

/** Null where the tree has no repository of this name. */
export async function findRepositoryInTree(
  files: TreeStore,
  name: RepositoryName,
): Promise<RepositoryInTree | null> {
  return repositoryOf(name, await files.list(repositoryFolder(name)))
}

/**
 * Every repository with a name after `after`, in byte order of the names. `a-b` comes before `a/b` there although
 * `a` comes before both, so names wait in order until nothing can come before them.
 */
export async function* listRepositoriesInTree(
  { files, findings }: TreeReader,
  after = '',
): AsyncGenerator<RepositoryInTree> {
  const waiting: string[] = []
  await wait(await files.list(repositoriesFolder), '')
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const name = findRepositoryName(folder)
    if (name === null) continue
    const entries = await files.list(repositoryFolder(name))
    await wait(entries, `${name}/`)
    const found = repositoryOf(name, entries)
    if (found !== null && name > after) yield found
  }

  async function wait(entries: readonly string[], above: string): Promise<void> {
    const folders = entries
      .filter((entry) => !OWN.includes(entry))
      .map((entry) => `${above}${entry}`)
      .filter((folder) => isName(folder, findings) && mayHold(folder, after))
    if (entries.includes('_uploads')) await reportUploads(files, findings, above)
    for (const folder of folders) waiting.splice(placeOf(folder, waiting), 0, folder)
  }
}

function repositoryOf(name: RepositoryName, entries: readonly string[]): RepositoryInTree | null {
  const isListed = entries.includes(MANIFESTS)
  return isListed || entries.includes('_layers') ? { name, isListed } : null
}

/** Where the name belongs among names in falling order. What comes next is at the end, and so is the search mostly. */
function placeOf(name: string, falling: readonly string[]): number {
  let [low, high] = [0, falling.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((falling[middle] ?? '') > name) low = middle + 1
    else high = middle
  }
  return low
}

function isName(folder: string, findings: Findings): boolean {
  if (findRepositoryName(folder) !== null) return true
  findings.add(
    folder.endsWith('.tmp') ? 'temporary file' : 'impossible name',
    `${repositoriesFolder}/${folder}`,
  )
  return false
}

/** Whether the folder or one inside it comes after the name. */
function mayHold(folder: string, after: string): boolean {
  return folder > after || after.startsWith(`${folder}/`) || `${folder}/` > after
}

async function reportUploads(files: TreeStore, findings: Findings, above: string): Promise<void> {
  const folder = `${repositoriesFolder}/${above}_uploads`
  for (const upload of await files.list(folder)) findings.add('upload in progress', `${folder}/${upload}`)
}
