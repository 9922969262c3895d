/** What a registry shows of every fact, asked over plain HTTP; what it gives is hashed here. */
import { digestOf, MEDIA_TYPES } from '../clients/images.ts'
import { listRepositories, listTags } from '../clients/registry-contents.ts'
import { type Fact, type FactKey, parseFact, type Value, type View } from './model.ts'

const AT_ONCE = 12
const ACCEPT = `${MEDIA_TYPES.index}, ${MEDIA_TYPES.manifest}`

/** Asks for every fact, some at the same time. Throws where an answer contradicts itself. */
export async function viewOf(url: string, keys: readonly FactKey[]): Promise<View> {
  const view = new Map<FactKey, Value>()
  const waiting = [...keys]
  async function lane(): Promise<void> {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) {
      view.set(key, await ask(url, parseFact(key)))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return view
}

async function ask(url: string, { kind, repository, name }: Fact): Promise<Value> {
  const path = `${kind === 'blob' ? 'blobs' : 'manifests'}/${name}`
  const address = `${url}/v2/${repository}/${path}`
  const head = await fetch(address, { method: 'HEAD', headers: { accept: ACCEPT } })
  const answer = await fetch(address, { headers: { accept: ACCEPT } })
  const bytes = await answer.bytes()
  if (answer.status !== head.status) throw new Error(`HEAD ${path} is ${head.status}, GET ${answer.status}`)
  if (answer.status === 404) return null
  if (answer.status !== 200) throw new Error(`GET ${address} answered ${answer.status}`)
  const digest = digestOf(bytes)
  if (kind !== 'tag' && digest !== name) throw new Error(`GET ${address} gave the bytes of ${digest}`)
  if (head.headers.get('docker-content-digest') !== digest)
    throw new Error(`HEAD ${address} names another digest`)
  return digest
}

/**
 * Where a registry's lists say another thing than its single answers. Not `isExact` is registry:2, which also lists
 * a tag of which merely the folder is left, as registry:3's own collection leaves one.
 */
export async function wrongLists(url: string, view: View, isExact: boolean): Promise<string[]> {
  const wrong: string[] = []
  const listed = await listRepositories(url)
  const repositories = new Set([...view.keys()].map((key) => parseFact(key).repository))
  const filled = new Set(shown(view, 'manifest').map(({ repository }) => repository))
  for (const name of filled) if (!listed.includes(name)) wrong.push(`the catalog lacks ${name}`)
  for (const name of listed) if (!repositories.has(name)) wrong.push(`the catalog has ${name}`)
  if (new Set(listed).size !== listed.length) wrong.push(`the catalog repeats itself: ${listed}`)
  for (const repository of repositories) {
    const tags = (await listTags(url, repository)).sort()
    const named = shown(view, 'tag').filter((fact) => fact.repository === repository)
    const expected = named.map(({ name }) => name).sort()
    const compared = isExact ? tags : tags.filter((tag) => expected.includes(tag))
    if (compared.join() !== expected.join())
      wrong.push(`${repository} lists [${tags}] and serves [${expected}]`)
  }
  return wrong
}

function shown(view: View, kind: Fact['kind']): Fact[] {
  return [...view]
    .filter(([, value]) => value !== null)
    .map(([key]) => parseFact(key))
    .filter((fact) => fact.kind === kind)
}
