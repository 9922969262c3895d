/**
 * Whether this process may write where it must, asked before anything is served: a person who has chosen the wrong
 * user or mount learns it at the start and by name, not from the first push.
 */
import { constants } from 'node:fs'
import { access, open, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { berthFolder, blobsFolder, registryFolder, repositoriesFolder } from '../storage/layout.ts'

/** A path that must be written cannot be. The message says whose it is, who asks, and what to do. */
export class NotWritable extends Error {
  override readonly name = 'NotWritable'
}

/** Folders in which every server makes others, where they are there already. */
const NEEDED = [
  '',
  berthFolder,
  dirname(dirname(registryFolder)),
  dirname(registryFolder),
  registryFolder,
  blobsFolder,
  repositoriesFolder,
]

/** Throws NotWritable. What is not there yet is no obstacle, nor is what the process may make. */
export async function requireWritableFolders(root: string): Promise<void> {
  for (const needed of NEEDED) {
    const folder = join(root, needed)
    const problem = await findObstacle(folder)
    if (problem !== null) throw new NotWritable(await describe(root, folder, problem))
  }
}

/**
 * A push is written beside the images and then moved among them, which no file system does across its edge. Throws
 * NotWritable where a part of the folder lies on another one.
 */
export async function requireOneFileSystem(root: string): Promise<void> {
  const home = (await deviceOf(join(root, berthFolder))) ?? (await deviceOf(root))
  for (const needed of NEEDED.slice(2)) {
    const folder = join(root, needed)
    const device = await deviceOf(folder)
    if (device === null || device === home) continue
    throw new NotWritable(
      `The folder ${folder} lies on another file system than ${join(root, berthFolder)}, so nothing that is pushed ` +
        `could be moved there. Mount that file system at ${root} (or make the link there), with docker/ in it; ` +
        'in read-only mode (storage.maintenance.readonly) Berth serves the folder as it is.',
    )
  }
}

function deviceOf(folder: string): Promise<number | null> {
  return stat(folder).then(
    ({ dev }) => dev,
    () => null,
  )
}

/** With O_DIRECTORY: a file without a name, gone when it is closed. Linux only. */
const O_TMPFILE = process.platform === 'linux' ? 0o20000000 : null
const OBSTACLES = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR']

/**
 * The code of the error with which files cannot be made there, or null. By making one: access(2) knows nothing of the
 * rights that a process has beside its user's. Where such files are unknown, so is the answer, and that is no obstacle.
 */
async function findObstacle(folder: string): Promise<string | null> {
  const problem =
    O_TMPFILE === null
      ? await access(folder, constants.W_OK | constants.X_OK).then(() => null, codeOf)
      : await open(folder, O_TMPFILE | constants.O_DIRECTORY | constants.O_RDWR).then(
          (file) => file.close(),
          codeOf,
        )
  return OBSTACLES.find((code) => code === problem) ?? null
}

function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message
}

async function describe(root: string, folder: string, problem: string): Promise<string> {
  if (problem === 'ENOTDIR')
    return `${folder} is a file, and Berth needs a folder there. Move it away, or choose another data folder with --data.`
  if (problem === 'EROFS') {
    return `The folder ${folder} lies on a read-only file system, and Berth must write there. Mount it for writing, or choose another data folder with --data.`
  }
  const owner = await stat(folder).then(
    ({ uid }) => uid,
    () => null,
  )
  const user = process.getuid?.() ?? null
  if (owner === null || user === null) {
    return `The folder ${folder} cannot be written (${problem}). Choose another data folder with --data.`
  }
  return (
    `The folder ${folder} belongs to user ${owner}, and user ${user}, as whom Berth runs, cannot write there (${problem}). ` +
    `Run "chown -R ${user} ${root}" as root, start Berth as user ${owner}, or choose another data folder with --data.`
  )
}
