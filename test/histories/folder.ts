/** The files of a folder, held against the facts: what registry:2 would have written, and Berth's own folder. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { digestOf } from '../clients/images.ts'
import { type Fact, type Model, parseFact } from './model.ts'

const TREE = 'docker/registry/v2'
const SHA256_LINK = /^sha256:[0-9a-f]{64}$/
const KNOWN_FILES = [
  /^blobs\/sha256\/[0-9a-f]{2}\/[0-9a-f]{64}\/data$/,
  /^repositories\/.+\/_layers\/sha256\/[0-9a-f]{64}\/link$/,
  /^repositories\/.+\/_manifests\/revisions\/sha256\/[0-9a-f]{64}\/link$/,
  /^repositories\/.+\/_manifests\/tags\/[^/]+\/current\/link$/,
  /^repositories\/.+\/_manifests\/tags\/[^/]+\/index\/sha256\/[0-9a-f]{64}\/link$/,
  // Other registries' uploads in progress, which Berth leaves alone.
  /^repositories\/.+\/_uploads\/.+$/,
]

/** Every difference between the folder of a stopped server and what the model says, in words. */
export function wrongFiles(data: string, model: Model): string[] {
  const foreign = readdirSync(data).filter((name) => name !== 'docker' && name !== 'berth')
  return [
    ...foreign.map((name) => `${name} is no file of a registry`),
    ...readdirSync(join(data, TREE), { recursive: true, encoding: 'utf8' }).flatMap((path) =>
      wrongFile(data, path),
    ),
    ...model
      .keys()
      .flatMap((key) => (model.isLoose(key) ? [] : wrongLink(data, parseFact(key), model.certain(key)))),
  ]
}

function wrongFile(data: string, path: string): string[] {
  const file = join(data, TREE, path)
  if (!statSync(file).isFile()) return []
  if (!KNOWN_FILES.some((form) => form.test(path))) return [`${path} is no file of a registry`]
  if (path.includes('/_uploads/')) return []
  const bytes = readFileSync(file)
  if (basename(path) === 'link') return SHA256_LINK.test(bytes.toString()) ? [] : [`${path} holds "${bytes}"`]
  return digestOf(bytes) === `sha256:${basename(dirname(path))}` ? [] : [`${path} holds other bytes`]
}

function wrongLink(data: string, fact: Fact, value: string | null | undefined): string[] {
  const path = linkOf(fact)
  const link = readLink(data, path)
  if (link !== value) return [`${path} holds ${link}, not ${value}`]
  if (fact.kind !== 'tag' || value === null || value === undefined) return []
  const index = path.replace('current/link', `index/${value.replace(':', '/')}/link`)
  return readLink(data, index) === value ? [] : [`${index} is missing`]
}

function linkOf({ kind, repository, name }: Fact): string {
  const folder = `repositories/${repository}`
  if (kind === 'tag') return `${folder}/_manifests/tags/${name}/current/link`
  const link = `${name.replace(':', '/')}/link`
  return kind === 'blob' ? `${folder}/_layers/${link}` : `${folder}/_manifests/revisions/${link}`
}

function readLink(data: string, path: string): string | null {
  const file = join(data, TREE, path)
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}
