/**
 * The folder of backups of a whole registry:
 *
 *   berth-backup.json            says that it is one, and of which registry
 *   lock.db, lock-holder         held while somebody works on it
 *   blobs/<algorithm>/<hex[0:2]>/<hex>
 *   points/<time>/metadata.ndjson.zst, blobs.zst, point.json
 *   points/<time>.partial/       one that is being made, or was when that was interrupted
 *
 * A point is complete once its folder has its final name: then every blob of its list is in place, and durable.
 */
import { z } from 'zod'
import { algorithmOf, type Digest, hexOf, isDigest } from '../../oci/digest.ts'
import type { BackupFolder } from '../../storage/backup-folder.ts'
import type { BlobListFacts } from './blob-list.ts'
import { BackupDamaged, BackupTooNew } from './metadata-format.ts'

const FORM = 1
export const GUARD = 'berth-backup.json'
export const POINTS = 'points'
export const BLOBS = 'blobs'
const PARTIAL = '.partial'
const NAME = /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d\.\d{3}Z)$/

/** Why a blob is not in a backup. */
export type Lack = 'missing' | 'damaged'

export interface Point extends BlobListFacts {
  /** Its name, which is its time. */
  readonly name: string
  readonly registry: string
  /** From when its facts are, in milliseconds since 1970. */
  readonly madeAt: number
  readonly finishedAt: number
  readonly program: string
  readonly schema: number
  /** Blobs that the registry itself had no more, or not as they should be; the first ones only. */
  readonly lacks: readonly { readonly digest: Digest; readonly why: Lack }[]
  /** How many these are. */
  readonly lacking: number
  /** Where it came from, for people. */
  readonly source: { readonly folder: string; readonly database: string }
}

const pointFile = z.object({
  form: z.number().int(),
  registry: z.string(),
  madeAt: z.number().int(),
  finishedAt: z.number().int(),
  program: z.string(),
  schema: z.number().int(),
  blobs: z.number().int(),
  bytes: z.number().int(),
  digest: z.string(),
  lacks: z.array(z.object({ digest: z.custom<Digest>(isDigestText), why: z.enum(['missing', 'damaged']) })),
  lacking: z.number().int(),
  source: z.object({ folder: z.string(), database: z.string() }),
})

function isDigestText(value: unknown): boolean {
  return typeof value === 'string' && isDigest(value)
}

const guardFile = z.object({ berth: z.literal('backup'), form: z.number().int(), registry: z.string() })

export function pointName(time: number): string {
  return new Date(time).toISOString().replaceAll(':', '-')
}

export function blobPath(digest: Digest): string {
  const hex = hexOf(digest)
  return `${BLOBS}/${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}`
}

export function partialPath(name: string, file: string): string {
  return `${POINTS}/${name}${PARTIAL}/${file}`
}

export function metadataPath({ name }: Pick<Point, 'name'>): string {
  return `${POINTS}/${name}/metadata.ndjson.zst`
}

export function blobListPath({ name }: Pick<Point, 'name'>): string {
  return `${POINTS}/${name}/blobs.zst`
}

/** Complete ones, the newest first. Throws BackupDamaged, BackupTooNew, StorageUnavailable. */
export async function listPoints(folder: BackupFolder): Promise<Point[]> {
  const names = (await folder.list(POINTS)).filter((name) => NAME.test(name)).reverse()
  const points: Point[] = []
  for (const name of names) points.push(await readPoint(folder, name))
  return points
}

/** The newest, or the one whose name begins so. Throws BackupDamaged (there is none), and what `listPoints` throws. */
export async function findPoint(folder: BackupFolder, at: string | null): Promise<Point> {
  const names = (await folder.list(POINTS)).filter((name) => NAME.test(name)).reverse()
  const matching = at === null ? names.slice(0, 1) : names.filter((name) => name.startsWith(at))
  const [name] = matching
  if (name !== undefined && (matching.length === 1 || name === at)) return await readPoint(folder, name)
  const known = names.length === 0 ? 'It has none' : `It has ${names.slice(0, 20).join(', ')}`
  if (at === null) throw new BackupDamaged(`There is no complete backup in ${folder.path}.`)
  const what = matching.length === 0 ? 'no backup' : 'more than one backup'
  throw new BackupDamaged(`${folder.path} has ${what} whose time begins with ${at}. ${known}.`)
}

export async function readPoint(folder: BackupFolder, name: string): Promise<Point> {
  const parsed = pointFile.safeParse(await readJson(folder, `${POINTS}/${name}/point.json`))
  if (!parsed.success)
    throw new BackupDamaged(
      `${folder.path}/${POINTS}/${name}/point.json is damaged: remove that folder, or name another point with --at.`,
    )
  requireForm(folder, parsed.data.form)
  const { form: _, ...facts } = parsed.data
  return { ...facts, name }
}

export async function putPoint(folder: BackupFolder, { name, ...point }: Point): Promise<void> {
  await writeJson(folder, partialPath(name, 'point.json'), { form: FORM, ...point })
  // What is in it first: its final name says that it is whole.
  await folder.sync(`${POINTS}/${name}${PARTIAL}`)
  await folder.rename(`${POINTS}/${name}${PARTIAL}`, `${POINTS}/${name}`)
  await folder.sync(POINTS)
}

export async function removePoint(folder: BackupFolder, { name }: Pick<Point, 'name'>): Promise<void> {
  // From now on it is incomplete, whatever is left of it.
  await folder.rename(`${POINTS}/${name}`, `${POINTS}/${name}${PARTIAL}`)
  await folder.sync(POINTS)
  await folder.remove(`${POINTS}/${name}${PARTIAL}`)
}

/** What interrupted runs have left. */
export async function removePartialPoints(folder: BackupFolder): Promise<void> {
  for (const name of await folder.list(POINTS)) {
    if (name.endsWith(PARTIAL)) await folder.remove(`${POINTS}/${name}`)
  }
}

/** What may lie in a folder before it is one of backups. */
const BEFORE = ['lock.db', 'lock.db-journal', 'lock-holder', 'temporary', 'lost+found']

/**
 * Makes an empty folder one of this registry's backups, or makes sure that it is. Throws BackupDamaged where it is
 * another's, or anything else.
 */
export async function claimBackupFolder(folder: BackupFolder, registry: string): Promise<void> {
  if ((await folder.stat(GUARD)) === null) {
    const [other] = (await folder.list('')).filter((name) => !BEFORE.includes(name))
    if (other !== undefined) {
      throw new BackupDamaged(
        `${folder.path} is no folder of Berth's backups, and not empty (${other}): name an empty or a new one.`,
      )
    }
    await writeJson(folder, GUARD, { berth: 'backup', form: FORM, registry })
    await folder.sync('')
    return
  }
  const owner = await requireBackupFolder(folder)
  if (owner !== registry) {
    throw new BackupDamaged(
      `${folder.path} holds backups of another registry (${owner}) than this one (${registry}): name another folder.`,
    )
  }
}

/** Gives the id of the registry whose backups they are. Throws BackupDamaged, BackupTooNew, StorageUnavailable. */
export async function requireBackupFolder(folder: BackupFolder): Promise<string> {
  if ((await folder.stat(GUARD)) === null)
    throw new BackupDamaged(`${folder.path} is no folder of Berth's backups: there is no ${GUARD} in it.`)
  const parsed = guardFile.safeParse(await readJson(folder, GUARD))
  if (!parsed.success) throw new BackupDamaged(`${folder.path}/${GUARD} is damaged.`)
  requireForm(folder, parsed.data.form)
  return parsed.data.registry
}

function requireForm(folder: BackupFolder, form: number): void {
  if (form > FORM) throw new BackupTooNew(`${folder.path} was written by a newer Berth. Use that one.`)
}

const LONGEST_JSON = 1024 * 1024

async function readJson(folder: BackupFolder, path: string): Promise<unknown> {
  if (((await folder.stat(path)) ?? 0) > LONGEST_JSON) return null
  const chunks: Uint8Array[] = []
  for await (const chunk of folder.read(path)) chunks.push(chunk)
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    return null
  }
}

async function writeJson(folder: BackupFolder, path: string, value: unknown): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(value, null, 2)}\n`)
  await folder.write(
    path,
    (async function* whole() {
      yield bytes
    })(),
  )
}
