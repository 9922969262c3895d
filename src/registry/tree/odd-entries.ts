/**
 * What lies in the link tree's folders and does not belong there: files of people and systems, temporary files of
 * a registry that died, symbolic links that lead nowhere. It is told and left alone, whatever it is.
 */
import type { FindingKind, Findings } from './findings.ts'
import type { TreeFiles } from './patient-files.ts'

/** What is read, and whom what is odd is told to. */
export interface TreeReader {
  readonly files: TreeFiles
  readonly findings: Findings
}

/** The names in a folder that belong there; the others are told. */
export async function listOwn(
  reader: TreeReader,
  folder: string,
  belongs: (name: string) => boolean,
): Promise<string[]> {
  const names = await reader.files.list(folder)
  if (names.every(belongs)) return names
  for (const name of names) if (!belongs(name)) await reportOdd(reader, `${folder}/${name}`)
  return names.filter(belongs)
}

/** Tells what lies at a place where it does not belong; a folder there is of the kind that is given. */
export async function reportOdd(
  { files, findings }: TreeReader,
  path: string,
  ofFolder: FindingKind = 'foreign file',
): Promise<void> {
  findings.add(oddKind(path, await files.kindOf(path), ofFolder), path)
}

/** Tells where something bears the name of a folder and is none; true where it is one. */
export async function isFolder(reader: TreeReader, path: string): Promise<boolean> {
  const kind = await reader.files.kindOf(path)
  if (kind !== 'folder') reader.findings.add(oddKind(path, kind, 'foreign file'), path)
  return kind === 'folder'
}

function oddKind(
  path: string,
  kind: Awaited<ReturnType<TreeFiles['kindOf']>>,
  ofFolder: FindingKind,
): FindingKind {
  if (kind === null) return 'dangling link'
  if (path.endsWith('.tmp')) return 'temporary file'
  return kind === 'folder' ? ofFolder : 'foreign file'
}
