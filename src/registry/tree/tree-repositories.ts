/**
 * Finds the repositories of a link tree. A folder is a repository where it has `_manifests` or `_layers`, and is
 * listed from the first on, as in distribution. Names nest, so every folder is looked into.
 */

import { byFolders, findRepositoryName, type RepositoryName } from '../../oci/repository-name.ts'
import { repositoriesFolder, repositoryFolder } from '../../storage/layout.ts'
import type { Findings } from './findings.ts'
import type { TreeFiles } from './patient-files.ts'
import type { TreeReader } from './tree-links.ts'

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

/** Every repository with a name after `after`, in distribution's order, folder by folder: `a`, `a/b`, `a-b`. */
export function listRepositoriesInTree(reader: TreeReader, after = ''): AsyncGenerator<RepositoryInTree> {
  return listBelow(reader, '', after)
}

async function* listBelow(
  reader: TreeReader,
  above: string,
  after: string,
): AsyncGenerator<RepositoryInTree> {
  const { files, findings } = reader
  for (const entry of (await files.list(`${repositoriesFolder}/${above}`)).sort(byFolders)) {
    if (OWN.includes(entry)) continue
    const folder = `${above}${entry}`
    const name = findRepositoryName(folder)
    if (name === null) report(findings, folder)
    if (name === null || !mayHold(folder, after)) continue
    const entries = await files.list(repositoryFolder(name))
    if (entries.includes(UPLOADS)) await reportUploads(files, findings, name)
    const found = repositoryOf(name, entries)
    if (found !== null && byFolders(name, after) > 0) yield found
    if (entries.some((each) => !OWN.includes(each))) yield* listBelow(reader, `${folder}/`, after)
  }
}

function repositoryOf(name: RepositoryName, entries: readonly string[]): RepositoryInTree | null {
  const isListed = entries.includes(MANIFESTS)
  return isListed || entries.includes('_layers') ? { name, isListed } : null
}

function report(findings: Findings, folder: string): void {
  const kind = folder.endsWith('.tmp') ? 'temporary file' : 'impossible name'
  findings.add(kind, `${repositoriesFolder}/${folder}`)
}

/** Whether the folder or one inside it comes after the name. */
function mayHold(folder: string, after: string): boolean {
  return byFolders(folder, after) > 0 || `${after}/`.startsWith(`${folder}/`)
}

async function reportUploads(files: TreeFiles, findings: Findings, name: RepositoryName): Promise<void> {
  const folder = `${repositoryFolder(name)}/${UPLOADS}`
  for (const upload of await files.list(folder)) findings.add('upload in progress', `${folder}/${upload}`)
}
