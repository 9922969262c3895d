/**
 * Every statement of every noun is answered from an index, on both databases. The statements are not listed
 * here: each function of each noun is run once, and what it asks the database is written down and explained.
 * A function that is new has no sample below, and fails the first test until it has one.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SQL } from 'bun'
import { startPostgres } from '../../test/postgres-server.ts'
import { openSqliteInPlace } from '../../test/sqlite-in-place.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import { digestOf } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { OCI_MANIFEST } from '../oci/media-type.ts'
import { parseRepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { parseUploadId } from '../oci/upload-id.ts'
import * as blobs from './blobs.ts'
import * as checks from './checks.ts'
import { command, type Database, type SqlValue, type Transaction } from './database.ts'
import * as events from './events.ts'
import * as garbage from './garbage.ts'
import * as manifests from './manifests.ts'
import { openPostgresDatabase } from './postgres/database.ts'
import * as referrers from './referrers.ts'
import type { RepositoryId } from './repositories.ts'
import * as repositories from './repositories.ts'
import * as reviews from './reviews.ts'
import { MIGRATIONS } from './schema.ts'
import * as settings from './settings.ts'
import * as tags from './tags.ts'
import * as tornFiles from './torn-files.ts'
import type { TrashId } from './trash.ts'
import * as trash from './trash.ts'
import type { TreeMark } from './tree.ts'
import * as tree from './tree.ts'
import * as uploads from './uploads.ts'

/** Files of this folder that are no nouns: they hold no SQL of their own, or that of the schema. */
const NOT_NOUNS = [
  'chunks',
  'database',
  'dialect',
  'digests-among',
  'many-rows',
  'migrate',
  'rebuild',
  'row',
  'schema',
  'schema-access',
  'unavailable',
]
/** Functions of nouns that ask the database nothing. */
const WITHOUT_SQL = ['treePath']

const name = parseRepositoryName('team/app')
const repository = 1 as RepositoryId
const digest = digestOf(new Uint8Array([1]))
const other = digestOf(new Uint8Array([2]))
/** So many that they fill chunks of each size. */
const many = Array.from({ length: 111 }, (_, index) => digestOf(new Uint8Array([index])))
const tag = parseTag('v1')
const id = parseUploadId('01234567-89ab-cdef-0123-456789abcdef')
const mark: TreeMark = { kind: 'tag', repositoryId: repository, key: tag }
const trashId = 1 as TrashId
const page = { after: 'a', limit: 100 }
const afterReferrer = { after: { artifactType: 'type1', digest }, limit: 100 }
const upload = { id, repositoryId: repository, principal: 'ann', algorithm: 'sha256' } as const
const manifest = {
  digest,
  bytes: new Uint8Array([1]),
  mediaType: OCI_MANIFEST,
  artifactType: null,
  subject: other,
  annotations: '{}',
  size: 1,
  pushedBy: 'ann',
}

const someNames = { kind: 'repositories', names: Array.from({ length: 10 }, () => name) } as const

/** Calls of each function: several where its statements differ. They run in this order, in one transaction. */
const SAMPLES: Readonly<Record<string, (tx: Transaction) => readonly (() => Promise<unknown>)[]>> = {
  findOrCreateRepository: (tx) => [() => repositories.findOrCreateRepository(tx, name)],
  findRepositoryId: (tx) => [() => repositories.findRepositoryId(tx, name)],
  findRepositoryName: (tx) => [() => repositories.findRepositoryName(tx, repository)],
  markListed: (tx) => [() => repositories.markListed(tx, repository)],
  findRepositoryWithBlob: (tx) => [
    () => repositories.findRepositoryWithBlob(tx, digest, { name, scope: { kind: 'everything' } }),
    () => repositories.findRepositoryWithBlob(tx, digest, { name: null, scope: { kind: 'everything' } }),
    () => repositories.findRepositoryWithBlob(tx, digest, { name: null, scope: someNames }),
  ],
  listRepositoryNames: (tx) => [
    () => repositories.listRepositoryNames(tx, { kind: 'everything' }, page),
    () => repositories.listRepositoryNames(tx, someNames, page),
  ],

  insertFoundRepositories: (tx) => [
    () =>
      checks.insertFoundRepositories(
        tx,
        many.map((_, at) => ({ name: parseRepositoryName(`found-${at}`), isListed: true })),
      ),
  ],
  findCheck: (tx) => [() => checks.findCheck(tx, name)],
  listUnchecked: (tx) => [() => checks.listUnchecked(tx, 'start', { after: 0, limit: 100 })],
  holdForAdoption: (tx) => [() => checks.holdForAdoption(tx, repository, 'start')],
  endAdoption: (tx) => [() => checks.endAdoption(tx, repository)],
  holdForCheck: (tx) => [() => checks.holdForCheck(tx, repository, 'start')],
  endCheck: (tx) => [() => checks.endCheck(tx, repository, { start: 'start', isListed: true })],

  insertFoundBlobs: (tx) => [
    () =>
      blobs.insertFoundBlobs(
        tx,
        repository,
        many.map((each) => ({ digest: each, size: 1, isReferred: true })),
        0,
      ),
  ],
  listLinkedBlobs: (tx) => [() => blobs.listLinkedBlobs(tx, repository, page)],
  hasReferences: (tx) => [() => blobs.hasReferences(tx, repository, digest)],
  forgetLostBlob: (tx) => [() => blobs.forgetLostBlob(tx, digest, 100)],
  insertBlob: (tx) => [() => blobs.insertBlob(tx, digest, 1, 0)],
  keepBlob: (tx) => [() => blobs.keepBlob(tx, digest, 0)],
  referToBlob: (tx) => [() => blobs.referToBlob(tx, digest, 0)],
  linkBlob: (tx) => [() => blobs.linkBlob(tx, repository, digest)],
  findLinkedBlobSize: (tx) => [() => blobs.findLinkedBlobSize(tx, name, digest)],
  isBlobLinked: (tx) => [() => blobs.isBlobLinked(tx, repository, digest)],
  findManifestDigests: (tx) => [() => manifests.findManifestDigests(tx, repository, many)],
  findLinkedBlobs: (tx) => [() => blobs.findLinkedBlobs(tx, repository, many)],
  findBlobSize: (tx) => [() => blobs.findBlobSize(tx, digest)],
  findBlobState: (tx) => [() => blobs.findBlobState(tx, digest)],
  unlinkBlob: (tx) => [() => blobs.unlinkBlob(tx, repository, digest)],

  insertManifest: (tx) => [() => manifests.insertManifest(tx, repository, manifest)],
  insertFoundManifests: (tx) => [
    () =>
      manifests.insertFoundManifests(
        tx,
        repository,
        many.map((each) => ({ ...manifest, digest: each, children: [other], blobs: [other], foundSince: 1 })),
        'ann',
      ),
  ],
  holdManifest: (tx) => [() => manifests.holdManifest(tx, repository, digest)],
  insertChildren: (tx) => [() => manifests.insertChildren(tx, repository, digest, many)],
  insertManifestBlobs: (tx) => [() => manifests.insertManifestBlobs(tx, repository, digest, many)],
  findManifestFactsByTag: (tx) => [() => manifests.findManifestFactsByTag(tx, name, tag)],
  findManifestFacts: (tx) => [() => manifests.findManifestFacts(tx, name, digest)],
  findManifestByTag: (tx) => [() => manifests.findManifestByTag(tx, name, tag)],
  findManifest: (tx) => [() => manifests.findManifest(tx, name, digest)],
  findPayload: (tx) => [() => manifests.findPayload(tx, digest)],
  hasManifest: (tx) => [() => manifests.hasManifest(tx, repository, digest)],

  listReferrerKeys: (tx) => [
    () => referrers.listReferrerKeys(tx, repository, other, { ...afterReferrer, which: 'all' }),
    () => referrers.listReferrerKeys(tx, repository, other, { ...afterReferrer, which: 'same type' }),
  ],
  listReferrersBetween: (tx) => [
    () =>
      referrers.listReferrersBetween(tx, repository, other, {
        ...afterReferrer,
        upTo: { artifactType: 'type2', digest },
      }),
  ],
  findWithoutSubject: (tx) => [() => referrers.findWithoutSubject(tx, repository, many)],

  pointTag: (tx) => [
    () => tags.pointTag(tx, repository, tag, { before: null, digest }),
    () => tags.pointTag(tx, repository, tag, { before: digest, digest: other }),
  ],
  findTagDigest: (tx) => [() => tags.findTagDigest(tx, repository, tag)],
  listTags: (tx) => [() => tags.listTags(tx, repository, page)],
  insertFoundTags: (tx) => [
    () =>
      tags.insertFoundTags(
        tx,
        repository,
        many.map((each, at) => ({ name: parseTag(`t${at}`), digest: each, since: 1, earlier: [] })),
        'ann',
      ),
  ],
  listTagRows: (tx) => [() => tags.listTagRows(tx, repository, page)],
  moveTagAsSeen: (tx) => [
    () => tags.moveTagAsSeen(tx, repository, { name: tag, digest, updatedAt: 1 }, other),
  ],
  deleteTagAsSeen: (tx) => [() => tags.deleteTagAsSeen(tx, repository, { name: tag, digest, updatedAt: 1 })],
  beginTagInterval: (tx) => [() => tags.beginTagInterval(tx, repository, tag, digest, 'ann')],
  endTagInterval: (tx) => [() => tags.endTagInterval(tx, repository, tag)],

  createTrash: (tx) => [() => trash.createTrash(tx, repository, 'manifest', 'ann')],
  trashManifest: (tx) => [() => trash.trashManifest(tx, trashId, repository, digest)],
  trashTag: (tx) => [() => trash.trashTag(tx, trashId, tag, digest)],
  deleteTag: (tx) => [() => tags.deleteTag(tx, repository, tag)],
  deleteTagsOf: (tx) => [() => tags.deleteTagsOf(tx, repository, digest, 10)],
  deleteManifest: (tx) => [() => manifests.deleteManifest(tx, repository, digest)],

  noteTornFiles: (tx) => [
    () =>
      tornFiles.noteTornFiles(
        tx,
        repository,
        'start',
        many.map((key) => ({ what: 'layer', key })),
      ),
  ],
  hasTornLinks: (tx) => [() => tornFiles.hasTornLinks(tx, repository)],
  forgetTornLink: (tx) => [() => tornFiles.forgetTornLink(tx, repository, { what: 'layer', key: digest })],
  forgetMendedFiles: (tx) => [() => tornFiles.forgetMendedFiles(tx, repository, 'start')],
  listTornFiles: (tx) => [
    () => tornFiles.listTornFiles(tx, 'manifest', { after: { repository, key: 'a' }, limit: 100 }),
  ],

  markTree: (tx) => [() => tree.markTree(tx, mark, { before: null, after: digest })],
  resettleTree: (tx) => [() => tree.resettleTree(tx, mark)],
  listTreeDirt: (tx) => [() => tree.listTreeDirt(tx, { after: 1, limit: 100 })],
  listPathDirt: (tx) => [() => tree.listPathDirt(tx, mark, 100)],
  listNewestPathDirt: (tx) => [() => tree.listNewestPathDirt(tx, mark, 100)],
  hasTreeDirt: (tx) => [() => tree.hasTreeDirt(tx, mark)],
  listDirtyKeys: (tx) => [() => tree.listDirtyKeys(tx, { kind: 'tag', repositoryId: 1 }, 100)],
  noteShown: (tx) => [() => tree.noteShown(tx, { ids: [1], at: 1 })],
  clearTreeDirt: (tx) => [() => tree.clearTreeDirt(tx, mark, 100)],

  insertUpload: (tx) => [() => uploads.insertUpload(tx, upload)],
  findUpload: (tx) => [() => uploads.findUpload(tx, id)],
  findUploadByFile: (tx) => [() => uploads.findUploadByFile(tx, id)],
  listIdleUploads: (tx) => [() => uploads.listIdleUploads(tx, { before: 100, now: 100, limit: 100 })],
  takeUpload: (tx) => [
    () =>
      uploads.takeUpload(
        tx,
        { id, writerEpoch: 0 },
        { name: 'one/1', leaseUntil: 1, file: id, copiedFrom: id },
      ),
  ],
  forgetCopySource: (tx) => [() => uploads.forgetCopySource(tx, id, 'one/1')],
  storeUploadProgress: (tx) => [
    () => uploads.storeUploadProgress(tx, id, 'one/1', { received: 1, digest, boot: 'this' }),
  ],
  raiseWriterEpoch: (tx) => [() => uploads.raiseWriterEpoch(tx, id)],
  renewUploadLease: (tx) => [() => uploads.renewUploadLease(tx, id, 'one/1', 2)],
  releaseUpload: (tx) => [
    () => uploads.releaseUpload(tx, id, 'one/1', { received: 1, digest, boot: 'this' }),
  ],
  freeUpload: (tx) => [() => uploads.freeUpload(tx, id, 'one/1')],
  releaseUploadsOf: (tx) => [() => uploads.releaseUploadsOf(tx, 'one')],
  deleteIdleUpload: (tx) => [() => uploads.deleteIdleUpload(tx, id, 1)],
  deleteUploadOf: (tx) => [() => uploads.deleteUploadOf(tx, id, 'one/1')],
  deleteUpload: (tx) => [() => uploads.deleteUpload(tx, id)],

  listManifestDigests: (tx) => [() => garbage.listManifestDigests(tx, repository, page)],
  findTaggedDigests: (tx) => [() => garbage.findTaggedDigests(tx, repository, many)],
  listParents: (tx) => [() => garbage.listParents(tx, repository, digest, page)],
  listChildren: (tx) => [() => garbage.listChildren(tx, repository, digest, page)],
  listBlobsOfManifest: (tx) => [() => garbage.listBlobsOfManifest(tx, repository, digest, page)],
  findSubject: (tx) => [() => garbage.findSubject(tx, repository, digest)],
  listReferredDigests: (tx) => [() => garbage.listReferredDigests(tx, page)],
  listAllManifestDigests: (tx) => [() => garbage.listAllManifestDigests(tx, page)],
  listUsers: (tx) => [
    () => garbage.listUsers(tx, digest, { after: { repository: 1, manifest: other }, limit: 100 }),
  ],
  listRepositoriesWithManifest: (tx) => [
    () => garbage.listRepositoriesWithManifest(tx, digest, { after: 1, limit: 100 }),
  ],
  isManifestTrashed: (tx) => [() => garbage.isManifestTrashed(tx, { repository, manifest: digest })],
  isDigestTrashed: (tx) => [() => garbage.isDigestTrashed(tx, digest)],

  scheduleReview: (tx) => [
    () => reviews.scheduleReview(tx, { repository, digest, reason: 'blob uploaded', dueAt: 1 }),
  ],
  insertEvent: (tx) => [
    () =>
      events.insertEvent(tx, {
        kind: 'manifest.pushed',
        repositoryId: repository,
        actor: 'ann',
        facts: '{}',
      }),
  ],
  changeNothing: (tx) => [() => settings.changeNothing(tx)],
  putSetting: (tx) => [() => settings.putSetting(tx, 'key', 'value')],
  replaceSetting: (tx) => [() => settings.replaceSetting(tx, 'key', { before: 'value', after: 'other' })],
  claimSetting: (tx) => [() => settings.claimSetting(tx, 'key', 'value')],
  findSetting: (tx) => [() => settings.findSetting(tx, 'key')],
}

/**
 * What may look at rows that the index alone does not decide on, or sort them, and why there are few of them.
 */
const FEW_ROWS: Readonly<Record<string, string>> = {
  findManifestDigests: 'the primary key gives one row for each digest',
  findLinkedBlobs: 'the primary key gives one row for each digest',
  findWithoutSubject: 'the primary key gives one row for each digest',
  findTaggedDigests: 'the index gives one row for each digest',
  listChildren: 'of the rows after the child, PostgreSQL filters only where it knows them to be few',
  listRepositoriesWithManifest: 'hardly a manifest is in many repositories',
  listUsers: 'the first page nearly always has a manifest that is kept, and then nobody asks for more',
  listReferrersBetween: 'between the two places is a page',
  pointTag: 'the primary key gives one row',
  takeUpload: 'the primary key gives one row',
  renewUploadLease: 'the primary key gives one row',
  releaseUpload: 'the primary key gives one row',
  freeUpload: 'the primary key gives one row',
  forgetCopySource: 'the primary key gives one row',
  storeUploadProgress: 'the primary key gives one row',
  deleteUploadOf: 'the primary key gives one row',
  deleteIdleUpload: 'the primary key gives one row',
  listUnchecked: 'all repositories are gone through at a start, a page at a time',
  holdForAdoption: 'the primary key gives one row',
  holdForCheck: 'the primary key gives one row',
  moveTagAsSeen: 'the primary key gives one row',
  deleteTagAsSeen: 'the primary key gives one row',
  replaceSetting: 'the primary key gives one row',
  forgetLostBlob: 'the primary key gives one row',
  forgetMendedFiles: 'the primary key gives what is torn in one repository, which is hardly ever anything',
  keepBlob: 'the primary key gives one row',
  referToBlob: 'the primary key gives one row',
  markListed: 'the primary key gives one row',
  listRepositoryNames: 'hardly a repository is without a manifest',
  listIdleUploads: 'of uploads that nobody has touched for days hardly one has a writer',
}

interface Statement {
  readonly function: string
  readonly sql: string
  readonly values: readonly SqlValue[]
}

/** Each would be slow in a table that grows. */
const BAD_STATEMENTS = [
  'SELECT name FROM tags WHERE digest = $1',
  'SELECT name FROM repositories WHERE name > $1 ORDER BY created_at LIMIT 10',
  'UPDATE manifests SET size = 0 WHERE media_type = $1',
  'DELETE FROM events WHERE actor = $1',
  'SELECT count(*) AS count FROM blobs WHERE state = $1',
]

const functions = await findFunctions()

test('every function of every noun has a sample, and no sample is left over', () => {
  expect(Object.keys(SAMPLES).toSorted()).toEqual(functions.toSorted())
  expect(functions.length).toBeGreaterThan(50)
})

describe('on SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-queries-'))
  let database: Database
  let statements: readonly Statement[]
  beforeAll(async () => {
    const path = join(folder, 'berth.db')
    database = await openSqliteInPlace({ path, migrations: MIGRATIONS, settle: async () => new Map() })
    statements = await record(database)
  })
  afterAll(async () => {
    await database.close()
    rmSync(folder, { recursive: true })
  })

  /** What is wrong with the plan, each in a line. */
  async function complaintsAbout({ sql, values }: Pick<Statement, 'sql' | 'values'>): Promise<string[]> {
    const steps = await database.all(`EXPLAIN QUERY PLAN ${sql}`, values, (row) => String(row['detail']))
    return steps.filter((step) =>
      /^SCAN (?!(\d+ )?CONSTANT ROW|\d+-ROW VALUES|wanted)|USE TEMP B-TREE/.test(step),
    )
  }

  test('no statement scans a table or sorts', async () => {
    const found: Record<string, string[]> = {}
    for (const statement of statements) {
      const complaints = await complaintsAbout(statement)
      if (complaints.length > 0) found[statement.function] = complaints
    }
    expect(found).toEqual({})
  })

  test.each(BAD_STATEMENTS)('this would be noticed: %s', async (sql) => {
    expect(await complaintsAbout({ sql, values: ['a'] })).not.toEqual([])
  })
})

describeWith('queries on PostgreSQL', ['initdb', 'postgres'], () => {
  let stop: () => Promise<void>
  let sql: SQL
  let statements: readonly Statement[]
  beforeAll(async () => {
    const server = await startPostgres()
    const url = await server.createDatabase()
    const database = await openPostgresDatabase({
      url,
      migrations: MIGRATIONS,
      settle: async () => new Map(),
    })
    sql = new SQL({ url, max: 1 })
    await fill(sql)
    statements = await record(database)
    stop = async () => {
      await database.close()
      await sql.close()
      await server.stop()
    }
  })
  afterAll(() => stop())

  /** As PostgreSQL plans it for these values. */
  async function planFor({ sql: text, values }: Pick<Statement, 'sql' | 'values'>): Promise<PlanNode[]> {
    return nodesOf(await sql.unsafe(`EXPLAIN (FORMAT JSON) ${text}`, [...values]))
  }

  /** As it plans it for whatever values may come, once it has seen the statement often. */
  async function genericPlanFor({ sql: text, values }: Statement): Promise<PlanNode[]> {
    await sql.unsafe(`PREPARE explained AS ${text}`)
    const nothing = values.length === 0 ? '' : `(${values.map(() => 'NULL').join(', ')})`
    const rows = await sql.unsafe(`EXPLAIN (FORMAT JSON) EXECUTE explained${nothing}`)
    await sql.unsafe('DEALLOCATE explained')
    return nodesOf(rows)
  }

  async function findBadPlans(plan: (statement: Statement) => Promise<PlanNode[]>) {
    const found: Record<string, string[]> = {}
    for (const statement of statements) {
      const complaints = (await plan(statement)).flatMap((node) => complaintsAbout(node))
      const serious = complaints.filter(
        (complaint) => !(/^(Filter|Sort)/.test(complaint) && statement.function in FEW_ROWS),
      )
      if (serious.length > 0) found[statement.function] = serious
    }
    return found
  }

  test('no statement scans a table, filters what an index gives, or sorts', async () => {
    expect(await findBadPlans(planFor)).toEqual({})
  })

  test('nor does one that is planned for all values alike', async () => {
    await sql.unsafe('SET plan_cache_mode = force_generic_plan')
    expect(await findBadPlans(genericPlanFor)).toEqual({})
  })

  test.each(BAD_STATEMENTS)('this would be noticed: %s', async (text) => {
    const nodes = await planFor({ sql: text, values: ['a'] })
    expect(nodes.flatMap(complaintsAbout)).not.toEqual([])
  })
})

/** The names of all functions of the nouns that ask the database something. */
async function findFunctions(): Promise<string[]> {
  const files = readdirSync(import.meta.dir).filter((file) => /^[a-z-]+\.ts$/.test(file))
  const nouns = files.filter((file) => !NOT_NOUNS.includes(file.slice(0, -'.ts'.length)))
  const exported = await Promise.all(
    nouns.map((file) => import(join(import.meta.dir, file)) as Promise<Record<string, unknown>>),
  )
  return exported
    .flatMap((noun) => Object.keys(noun).filter((key) => typeof noun[key] === 'function'))
    .filter((key) => !WITHOUT_SQL.includes(key))
}

/** Runs every sample, and gives what was asked of the database; nothing of it is kept. */
async function record(database: Database): Promise<readonly Statement[]> {
  const statements: Statement[] = []
  const run = command('test.record', async (tx) => {
    for (const [key, samples] of Object.entries(SAMPLES)) {
      const recording = recordingOf(tx, (sql, values) => statements.push({ function: key, sql, values }))
      for (const call of samples(recording)) await call()
    }
    throw new RegistryError('UNSUPPORTED', 'Only to undo it all.')
  })
  const undone = await database.write(run, undefined).catch((error) => error)
  if (!(undone instanceof RegistryError)) throw undone
  expect(new Set(statements.map((statement) => statement.function))).toEqual(new Set(Object.keys(SAMPLES)))
  return statements
}

function recordingOf(
  tx: Transaction,
  asked: (sql: string, values: readonly SqlValue[]) => void,
): Transaction {
  return {
    now: tx.now,
    boot: tx.boot,
    marks: tx.marks,
    one(sql, values, decode) {
      asked(sql, values)
      return tx.one(sql, values, decode)
    },
    all(sql, values, decode) {
      asked(sql, values)
      return tx.all(sql, values, decode)
    },
    run(sql, values) {
      asked(sql, values)
      return tx.run(sql, values)
    },
  }
}

/** A node of PostgreSQL's plan, as EXPLAIN (FORMAT JSON) gives it. */
interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Cond'?: string
  readonly Filter?: string
  readonly Plans?: readonly PlanNode[]
}

function nodesOf(rows: readonly Record<string, unknown>[]): PlanNode[] {
  const plans = rows.flatMap((row) => row['QUERY PLAN'] as { readonly Plan: PlanNode }[])
  return plans.flatMap(({ Plan }) => flatten(Plan))
}

function flatten(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)]
}

function complaintsAbout(node: PlanNode): string[] {
  const kind = node['Node Type']
  const where = `${kind} ${node['Relation Name'] ?? ''}`
  const complaints: string[] = []
  if (/Seq Scan|Sort/.test(kind)) complaints.push(where)
  if (/Index/.test(kind) && node['Index Cond'] === undefined) complaints.push(`${where}: of the whole index`)
  if (node.Filter !== undefined) complaints.push(`Filter ${node.Filter}`)
  return complaints
}

const ROWS = 12_000

/** Fills every table that there is, one that is new too, and lets PostgreSQL count. Half of all belongs to repository 1. */
async function fill(sql: SQL): Promise<void> {
  await sql.unsafe('SET session_replication_role = replica')
  const columns: { table: string; name: string; type: string }[] = await sql.unsafe(
    `SELECT table_name AS table, column_name AS name, data_type AS type FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name <> 'migrations'`,
  )
  for (const [table, own] of Map.groupBy(columns, (column) => column.table)) {
    const names = own.map((column) => column.name).join(', ')
    const values = own.map((column) => valueFor(table, column.name, column.type)).join(', ')
    await sql.unsafe(
      `INSERT INTO ${table} (${names}) SELECT ${values} FROM generate_series(1, ${ROWS}) AS g ON CONFLICT DO NOTHING`,
    )
    if (own.some(({ name, type }) => name === 'id' && type === 'bigint')) {
      await sql.unsafe(`ALTER TABLE ${table} ALTER COLUMN id RESTART WITH ${ROWS + 1}`)
    }
  }
  await sql.unsafe('VACUUM ANALYZE')
}

/** Where numbers counted upwards would not be like the real thing: a column of any table, or of one. */
const VALUES: Readonly<Record<string, string>> = {
  listed: '1',
  digest: `'sha256:' || g % 4001`,
  subject: `CASE WHEN g % 20 = 0 THEN '${other}' WHEN g % 4 = 0 THEN 'sha256:' || g END`,
  artifact_type: `'type' || g % 3`,
  kind: `'tag'`,
  state: `'live'`,
  'tag_history.repository_id': '1 + g % 10',
  'tag_history.name': `'v' || g % 7`,
  'tree_dirty.key': `'v' || g % 3000`,
  'torn_files.kind': `CASE g % 4 WHEN 0 THEN 'revision' WHEN 1 THEN 'layer' WHEN 2 THEN 'tag' ELSE 'manifest' END`,
  'torn_files.repository_id': '1 + g % 1000',
  'torn_files.found_by': `CASE WHEN g % 10 = 0 THEN 'earlier' ELSE 'start' END`,
  until_at: 'CASE WHEN g % 100 = 0 THEN NULL ELSE g END',
  writer: `CASE WHEN g % 100 = 0 THEN 'one/' || g END`,
  writer_lease_until: 'CASE WHEN g % 100 = 0 THEN g ELSE 0 END',
}

function valueFor(table: string, column: string, type: string): string {
  const special = VALUES[`${table}.${column}`] ?? VALUES[column]
  if (special !== undefined) return special
  if (type === 'bytea') return `'x'::bytea`
  if (type !== 'bigint') return `lpad(g::text, 8, '0')`
  return column.endsWith('_id') ? 'CASE WHEN g % 2 = 0 THEN 1 ELSE 1 + g % 1000 END' : 'g'
}
