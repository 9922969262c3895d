/**
 * Where everything lies under the storage root. What lies beside the database (its lock, its writer's socket)
 * goes with the database, wherever that is.
 *
 *   <root>
 *   ├── docker/registry/v2                      distribution's tree: registry:2 may read or write it at any moment
 *   │   ├── blobs
 *   │   │   └── <algorithm>/<hex[0:2]>/<hex>
 *   │   │       └── data                        a layer, a config or a manifest
 *   │   └── repositories
 *   │       └── <name>                          names nest: a and a/b may both be repositories
 *   │           ├── _layers
 *   │           │   └── <algorithm>/<hex>/link          the repository may read this blob
 *   │           ├── _manifests
 *   │           │   ├── revisions
 *   │           │   │   └── <algorithm>/<hex>/link      the repository has this manifest
 *   │           │   └── tags
 *   │           │       └── <tag>
 *   │           │           ├── current/link                    what the tag names now
 *   │           │           └── index/<algorithm>/<hex>/link    everything that it ever named
 *   │           └── _uploads                    registry:2's own uploads, which Berth neither reads nor writes
 *   └── berth                                   Berth's own files, which registry:2 never looks at
 *       ├── id                                  names the database that this tree belongs to
 *       ├── adopting                            another registry filled the tree, and no database knows its id yet
 *       ├── start                               on PostgreSQL: the start that all replicas on this folder share
 *       ├── berth.db                            SQLite's facts (with -wal and -shm beside it)
 *       ├── berth.db-writer                     held by whoever writes to berth.db
 *       ├── lock.db, lock-holder                held while Berth runs, and by whom
 *       ├── control.sock                        answers the owner of the server that runs
 *       ├── tls/                                the local authority of `--tls auto`, and what it has signed
 *       ├── reserve                             takes up room for nothing, for when the disk is full
 *       ├── findings.txt                        what was odd in the tree, and has been told
 *       ├── backups/                            of the metadata, made by the server itself
 *       ├── holding-back/<unique>               somebody copies blobs: what was condemned since stays meanwhile
 *       ├── restoring                           a database is being filled from a backup, and is not whole yet
 *       ├── uploads/<id>                        uploads in progress
 *       ├── quarantine/<digest>                 bytes that do not have their digest, kept for whoever wants to look
 *       ├── condemned
 *       │   └── <ten seconds>/<algorithm>-<hex>.<epoch>.<unique>   content on its way out (condemned.ts)
 *       ├── temporary/<unique>                  small files on their way into the tree
 *       └── gone/<unique>                       folders on their way out of it: anyone may remove them
 *
 * A link holds a digest as text, `sha256:<hex>`, without a newline. An empty tag folder is a tag to
 * registry:2, so a tag goes with its folder. Paths are relative to the root and separated by `/`; they are
 * built from parsed values only, so no part of a request can climb out of the root.
 */
import { algorithmOf, type Digest, hexOf } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Tag } from '../oci/tag.ts'
import type { UploadId } from '../oci/upload-id.ts'

/** Everything, for looking at what lies beside the two folders below. */
export const rootFolder = '.'
export const registryFolder = 'docker/registry/v2'
export const blobsFolder = `${registryFolder}/blobs`
export const repositoriesFolder = `${registryFolder}/repositories`

export const berthFolder = 'berth'
export const idPath = `${berthFolder}/id`
export const startPath = `${berthFolder}/start`
export const adoptingPath = `${berthFolder}/adopting`
export const databasePath = `${berthFolder}/berth.db`
export const reservePath = `${berthFolder}/reserve`
export const findingsPath = `${berthFolder}/findings.txt`
export const lockPath = `${berthFolder}/lock.db`
export const controlSocketPath = `${berthFolder}/control.sock`
export const localAuthorityFolder = `${berthFolder}/tls`
export const backupsFolder = `${berthFolder}/backups`
export const holdsFolder = `${berthFolder}/holding-back`
export const restoringPath = `${berthFolder}/restoring`
export const uploadsFolder = `${berthFolder}/uploads`
export const quarantineFolder = `${berthFolder}/quarantine`
export const condemnedFolder = `${berthFolder}/condemned`
export const temporaryFolder = `${berthFolder}/temporary`
export const goneFolder = `${berthFolder}/gone`

/** The bytes of a blob or a manifest. */
export function blobDataPath(digest: Digest): string {
  const hex = hexOf(digest)
  return `${blobsFolder}/${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}/data`
}

export function repositoryFolder(name: RepositoryName): string {
  return `${repositoriesFolder}/${name}`
}

/** Folders `<algorithm>/<hex>`, one a blob. */
export function layersFolder(name: RepositoryName): string {
  return `${repositoryFolder(name)}/_layers`
}

/** Says that the repository may read the blob. */
export function layerLinkPath(name: RepositoryName, digest: Digest): string {
  return `${layersFolder(name)}/${linkOf(digest)}`
}

/** Folders `<algorithm>/<hex>`, one a manifest. */
export function revisionsFolder(name: RepositoryName): string {
  return `${repositoryFolder(name)}/_manifests/revisions`
}

/** Says that the repository has the manifest. */
export function revisionLinkPath(name: RepositoryName, digest: Digest): string {
  return `${revisionsFolder(name)}/${linkOf(digest)}`
}

/** One folder a tag. */
export function tagsFolder(name: RepositoryName): string {
  return `${repositoryFolder(name)}/_manifests/tags`
}

export function tagFolder(name: RepositoryName, tag: Tag): string {
  return `${tagsFolder(name)}/${tag}`
}

/** Says which manifest the tag names now. */
export function tagLinkPath(name: RepositoryName, tag: Tag): string {
  return `${tagFolder(name, tag)}/current/link`
}

/** Says that the tag has named the manifest at some time. */
export function tagIndexLinkPath(name: RepositoryName, tag: Tag, digest: Digest): string {
  return `${tagFolder(name, tag)}/index/${linkOf(digest)}`
}

/** The bytes of an upload in progress. */
export function uploadPath(upload: UploadId): string {
  return `${uploadsFolder}/${upload}`
}

/** Damaged bytes of a blob. */
export function quarantinePath(digest: Digest): string {
  return `${quarantineFolder}/${digest}`
}

function linkOf(digest: Digest): string {
  return `${algorithmOf(digest)}/${hexOf(digest)}/link`
}
