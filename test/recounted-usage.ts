/**
 * What everything takes up, counted from the rows alone in the plainest way: what the counters must say, whatever has
 * happened. Reads all there is, so for small registries only.
 */
import type { Row } from '../src/metadata/database.ts'
import { integer, text } from '../src/metadata/row.ts'

type Rows = (sql: string) => Promise<Row[]>

/** The sums as lines, `repository kind bytes digests`, in their order; those that are zero are left out. */
export async function recountedUsage(rows: Rows): Promise<string[]> {
  const facts = await readFacts(rows)
  const sums = new Map<string, { bytes: number; digests: number }>()
  const add = (repository: number, kind: string, bytes: number) => {
    const sum = sums.get(`${repository} ${kind}`) ?? { bytes: 0, digests: 0 }
    sums.set(`${repository} ${kind}`, { bytes: sum.bytes + bytes, digests: sum.digests + 1 })
  }
  for (const [digest, size] of facts.sizes) {
    for (const { repository, kind } of countsOf(facts, digest)) add(repository, kind, size)
  }
  return [...sums].map(([key, { bytes, digests }]) => `${key} ${bytes} ${digests}`).toSorted()
}

/** All that one digest counts for. */
function countsOf(facts: Facts, digest: string): { repository: number; kind: string }[] {
  const places = facts.repositories.flatMap((repository) => {
    const kind = kindIn(facts, repository, digest)
    return kind === null ? [] : [{ repository, kind }]
  })
  const live = places.filter(({ kind }) => kind === 'live')
  const unused = facts.leaving.has(digest) ? 'leaving' : 'reclaimable'
  const unlive = places.some(({ kind }) => kind === 'trash') ? 'trash' : unused
  const unique = live.length === 1 ? [0, ...live.map(({ repository }) => repository)] : []
  return [
    ...places,
    { repository: 0, kind: live.length > 0 ? 'live' : unlive },
    ...unique.map((repository) => ({ repository, kind: 'unique' })),
  ]
}

/** The same lines, as the counters have them. */
export async function countedUsage(rows: Rows): Promise<string[]> {
  const totals = await rows('SELECT repository_id, kind, bytes, digests FROM usage_totals')
  return totals
    .map((row) => ({ bytes: integer(row, 'bytes'), digests: integer(row, 'digests'), row }))
    .filter(({ bytes, digests }) => bytes !== 0 || digests !== 0)
    .map(
      ({ bytes, digests, row }) =>
        `${integer(row, 'repository_id')} ${text(row, 'kind')} ${bytes} ${digests}`,
    )
    .toSorted()
}

interface Facts {
  readonly sizes: ReadonlyMap<string, number>
  readonly leaving: ReadonlySet<string>
  readonly repositories: readonly number[]
  /** `repository digest`. */
  readonly manifests: ReadonlySet<string>
  readonly trashed: ReadonlySet<string>
  readonly links: ReadonlySet<string>
  /** The manifests of a repository that refer to a digest, by `repository digest`. */
  readonly users: ReadonlyMap<string, readonly string[]>
}

async function readFacts(rows: Rows): Promise<Facts> {
  const blobs = await rows('SELECT digest, size, state FROM blobs')
  const payloads = await rows('SELECT digest, length(bytes) AS size FROM manifest_payloads')
  const edges = await rows('SELECT repository_id, manifest, digest FROM manifest_blobs')
  const places = async (table: string) =>
    new Set((await rows(`SELECT repository_id, digest FROM ${table}`)).map(placeOf))
  const ofPayloads = new Set(payloads.map((row) => text(row, 'digest')))
  const leaving = blobs.filter((row) => row['state'] === 'deleting').map((row) => text(row, 'digest'))
  return {
    sizes: new Map([...blobs, ...payloads].map((row) => [text(row, 'digest'), integer(row, 'size')])),
    leaving: new Set(leaving.filter((digest) => !ofPayloads.has(digest))),
    repositories: (await rows('SELECT id FROM repositories')).map((row) => integer(row, 'id')),
    manifests: await places('manifests'),
    trashed: await places('trashed_manifests'),
    links: await places('repository_blobs'),
    users: new Map(
      [...Map.groupBy(edges, placeOf)].map(([place, users]) => [
        place,
        users.map((row) => `${integer(row, 'repository_id')} ${text(row, 'manifest')}`),
      ]),
    ),
  }
}

function placeOf(row: Row): string {
  return `${integer(row, 'repository_id')} ${text(row, 'digest')}`
}

function kindIn(facts: Facts, repository: number, digest: string): 'live' | 'trash' | 'reclaimable' | null {
  const place = `${repository} ${digest}`
  const users = facts.users.get(place) ?? []
  if (facts.manifests.has(place) || users.some((user) => facts.manifests.has(user))) return 'live'
  if (facts.trashed.has(place) || users.length > 0) return 'trash'
  return facts.links.has(place) ? 'reclaimable' : null
}
