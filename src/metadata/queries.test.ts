/**
 * Every statement of every noun is answered from an index, on both databases. The statements are not listed
 * here: each function of each noun is run once, and what it asks the database is written down and explained.
 * A function that is new has no sample in queries.fixtures.ts, and fails the first test until it has one.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SQL } from 'bun'
import { startPostgres } from '../../test/postgres-server.ts'
import { openSqliteInPlace } from '../../test/sqlite-in-place.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import { RegistryError } from '../oci/errors.ts'
import { command, type Database, type SqlValue, type Transaction } from './database.ts'
import { openPostgresDatabase } from './postgres/database.ts'
import { other, SAMPLES } from './queries.fixtures.ts'
import { MIGRATIONS } from './schema.ts'

/** Files of this folder that are no nouns: they hold no SQL of their own, or that of the schema, or go through whole tables by right. */
const NOT_NOUNS = [
  'chunks',
  'database',
  'dialect',
  'digests-among',
  'fillable',
  'many-rows',
  'migrate',
  'rebuild',
  'row',
  'schema',
  'schema-access',
  'snapshot',
  'tables',
  'unavailable',
  'usage-place',
]
/** Functions of nouns that ask the database nothing. */
const WITHOUT_SQL = ['treePath']

/**
 * What may look at rows that the index alone does not decide on, or sort them, and why there are few of them.
 */
const FEW_ROWS: Readonly<Record<string, string>> = {
  listLargestRepositories: 'all but one row are of repositories',
  listLiveUsers: 'of a blob that is used at all, the first few users nearly always have one that is there',
  listLiveParents: 'hardly a manifest is in many indexes',
  findPlaceKinds: 'the keys give one row for each place, or a few edges until one is live',
  findStoredFacts: 'the primary key gives one row for each digest',
  findCountedBlobs: 'the primary key gives one row for each digest',
  findCountedPlaces: 'the primary key gives one row for each place',
  listRepositoriesOfDigest: 'asked when bytes come or go, of which hardly any are in many repositories',
  noteUsageEverywhere: 'asked when bytes come or go that very many repositories use',
  findOtherHolder:
    'asked of what is live in one or two repositories, and hardly anything is linked only in many others',
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
  countTrashed: 'all that hangs on a deletion is counted',
  deletePayload: 'the primary key gives one row',
  insertPayload: 'the primary key gives one row',
  insertManifest: 'the primary key gives one row',
  findFillingTrash: 'hardly ever is anything of the trash in another state than kept',
  findTrashedLinks: 'the index gives one row for each digest',
  findTrashedUser: 'only where a repository was deleted, and then of the manifests that use one blob',
  findBlobPromise:
    'of the manifests of one repository that use one blob it passes over those in the trash, which go in time',
  hasLiveUser: 'only where a repository is deleted, and then of the manifests that use one blob',
  hasNamed: 'hardly a manifest has had many tags',
  holdBlobAsSeen: 'the primary key gives one row',
  holdTrash: 'the primary key gives one row',
  turnTrash: 'the primary key gives one row',
  insertTrashedManifest: 'hardly a manifest was deleted more than once',
  isRepositoryDeleted: 'the primary key gives one row',
  listTagIntervals: 'PostgreSQL goes through all intervals only where it knows the tag to have many of them',
  listTrashRows: 'of a repository with few deletions PostgreSQL reads and sorts all',
  listExpiredTrash: 'what is over and in another state is hardly ever anything',
  findOldestDeletion: 'the oldest is nearly always kept',
  endManifestReview: 'the primary key gives one row',
  findKeptTrashWith: 'hardly a manifest was deleted more than once',
  listTrashedChildren: 'an index has a few children',
  countDamage: 'hardly a blob is damaged',
  hasDamage: 'hardly a blob is damaged',
  forgetLostBlob: 'the primary key gives one row',
  forgetMendedFiles: 'the primary key gives what is torn in one repository, which is hardly ever anything',
  listBlobLinks: 'few repositories link one blob where PostgreSQL sorts them',
  keepBlob: 'the primary key gives one row',
  leaseBlob: 'the primary key gives one row',
  beginGrace: 'the primary key gives one row',
  moveBlobOut: 'the primary key gives one row',
  holdForUnlinking: 'the primary key gives one row',
  reviveReferred: 'the primary key gives one row',
  deleteLeftBlob: 'the primary key gives one row',
  endBlobReview: 'the primary key gives one row',
  putOffBlobReview: 'the primary key gives one row',
  findReferredDigests: 'the index gives one row for each digest',
  findLinkedAnywhere: 'the index gives one row for each digest',
  findPayloadDigests: 'the primary key gives one row for each digest',
  findClosingDigests: 'the index gives one row for each digest',
  findMarkedBlobs: 'the index gives one row for each digest',
  referToBlob: 'the primary key gives one row',
  markListed: 'the primary key gives one row',
  listRepositoryNames: 'hardly a repository is without a manifest',
  bringJobForward: 'the primary key gives one row',
  takeJob: 'the primary key gives one row',
  renewJob: 'the primary key gives one row',
  endJobWell: 'the primary key gives one row',
  endJobBadly: 'the primary key gives one row',
  leaveJob: 'the primary key gives one row',
  listNamedSinceAbsence: 'PostgreSQL sorts all intervals only where it knows the tag to have few of them',
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
  'SELECT count(*) AS count FROM manifests WHERE pushed_by = $1',
]

const functions = await findFunctions()

test('every function of every noun has a sample, and no sample is left over', () => {
  expect(Object.keys(SAMPLES).toSorted()).toEqual(functions.toSorted())
  expect(functions.length).toBeGreaterThan(50)
})

setDefaultTimeout(30_000)

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
  kind: `CASE WHEN g % 3 = 0 THEN 'layer' ELSE 'tag' END`,
  state: `CASE WHEN g % 100 = 0 THEN 'condemned' ELSE 'live' END`,
  'gc_reviews.repository_id': 'CASE WHEN g % 2 = 0 THEN 0 ELSE 1 + g % 1000 END',
  closing: `CASE WHEN g % 100 = 0 THEN 'sha256:' || g END`,
  'tag_history.repository_id': '1 + g % 10',
  'tag_history.name': `'v' || g % 7`,
  'tree_dirty.key': `'v' || g % 3000`,
  'torn_files.kind': `CASE g % 4 WHEN 0 THEN 'revision' WHEN 1 THEN 'layer' WHEN 2 THEN 'tag' ELSE 'manifest' END`,
  'torn_files.repository_id': '1 + g % 1000',
  'torn_files.found_by': `CASE WHEN g % 10 = 0 THEN 'earlier' ELSE 'start' END`,
  trash_id: '1 + g % 1000',
  'trash.repository_id': '1 + g % 1000',
  'trash.state': `CASE WHEN g % 1000 = 0 THEN 'filling' ELSE 'kept' END`,
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
