/**
 * The order in which a server asks things of the disk before it answers, seen from outside by strace: what a
 * killed process cannot show, for the kernel keeps what it wrote. A blob: file synced, renamed, folders synced,
 * commit synced, answer. A manifest, a tag, a delete: commit synced, link tree changed, answer.
 */
import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { FROM_SOURCE, startBerth } from '../berth-server.ts'
import { type Content, content, type Image, noise } from '../clients/images.ts'
import { chunked, locationOf } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import { describeWith } from '../tools/describe-with.ts'
import {
  answeredStatus,
  type Call,
  descriptorPath,
  hasSucceeded,
  hex,
  namedPaths,
  readCalls,
  recordingArguments,
  stopRecorded,
} from './recording.ts'

setDefaultTimeout(60_000)

const REPOSITORY = 'order/app'
const OTHER = 'order/other'
/** Of every string: enough for the head of an answer. */
const STRING_BYTES = 512

const inPieces = content('application/octet-stream', noise('in pieces', 300_000))
const atOnce = content('application/octet-stream', noise('at once', 300_000))
const [first, second] = [smallImage('first'), smallImage('second')]

/** One request that changes something, and the files under `docker/registry/v2` that tell of it. */
interface Change {
  readonly name: string
  readonly blob?: Content
  readonly tree: readonly string[]
  send(url: string): Promise<Response>
}

function layerLink(repository: string, { digest }: Content): string {
  return `repositories/${repository}/_layers/${digest.replace(':', '/')}/link`
}

function revisionLink({ digest }: Content): string {
  return `repositories/${REPOSITORY}/_manifests/revisions/${digest.replace(':', '/')}/link`
}

function tagFolder(tag: string): string {
  return `repositories/${REPOSITORY}/_manifests/tags/${tag}`
}

function tagLinks(tag: string, { digest }: Content): string[] {
  return [`${tagFolder(tag)}/index/${digest.replace(':', '/')}/link`, `${tagFolder(tag)}/current/link`]
}

function dataOf({ digest }: Content): string {
  const [algorithm = '', hex = ''] = digest.split(':')
  return `blobs/${algorithm}/${hex.slice(0, 2)}/${hex}/data`
}

function send(method: string, path: string, body?: Content): (url: string) => Promise<Response> {
  const init = body === undefined ? {} : { body: body.bytes, headers: { 'content-type': body.mediaType } }
  return (url) => fetch(`${url}/v2/${path}`, { method, keepalive: false, ...init })
}

const CHANGES: readonly Change[] = [
  {
    name: 'a blob that comes in pieces',
    blob: inPieces,
    tree: [layerLink(REPOSITORY, inPieces)],
    async send(url) {
      const begun = await fetch(`${url}/v2/${REPOSITORY}/blobs/uploads/`, { method: 'POST' })
      const body = chunked(inPieces.bytes)
      const patched = await fetch(locationOf(begun, url), { method: 'PATCH', body })
      return await fetch(locationOf(patched, url, inPieces.digest), { method: 'PUT' })
    },
  },
  {
    name: 'a blob that comes at once',
    blob: atOnce,
    tree: [layerLink(REPOSITORY, atOnce)],
    send: send('POST', `${REPOSITORY}/blobs/uploads/?digest=${atOnce.digest}`, atOnce),
  },
  {
    name: 'a blob that is mounted',
    tree: [layerLink(OTHER, atOnce)],
    send: send('POST', `${OTHER}/blobs/uploads/?mount=${atOnce.digest}&from=${REPOSITORY}`),
  },
  {
    name: 'a manifest under a tag',
    tree: [dataOf(first.root), revisionLink(first.root), ...tagLinks('latest', first.root)],
    send: send('PUT', `${REPOSITORY}/manifests/latest`, first.root),
  },
  {
    name: 'a manifest by its digest',
    tree: [dataOf(second.root), revisionLink(second.root)],
    send: send('PUT', `${REPOSITORY}/manifests/${second.root.digest}`, second.root),
  },
  {
    name: 'a tag that moves',
    tree: tagLinks('latest', second.root),
    send: send('PUT', `${REPOSITORY}/manifests/latest`, second.root),
  },
  {
    name: 'a tag that is deleted',
    tree: [tagFolder('latest')],
    send: send('DELETE', `${REPOSITORY}/manifests/latest`),
  },
  {
    name: 'a manifest that is deleted',
    tree: [revisionLink(second.root)],
    send: send('DELETE', `${REPOSITORY}/manifests/${second.root.digest}`),
  },
  {
    name: 'a blob that is deleted',
    tree: [layerLink(REPOSITORY, inPieces)],
    send: send('DELETE', `${REPOSITORY}/blobs/${inPieces.digest}`),
  },
]

/** What was asked of the disk for one change, and the answer that ended it. */
interface Traced {
  readonly calls: readonly Call[]
  readonly answer: Call
}

interface Recording {
  readonly data: string
  /** One for each of CHANGES. */
  readonly changes: readonly Traced[]
}

async function record(strace: string, workers: string): Promise<Recording> {
  const scratch = mkdtempSync(join(tmpdir(), 'order-'))
  const output = join(scratch, 'output')
  try {
    const program = [strace, ...recordingArguments(output, STRING_BYTES), ...FROM_SOURCE]
    await using berth = await startBerth({ program, env: { BERTH_WORKERS: workers } })
    await pushBlobs(berth.url, [first, second])
    for (const change of CHANGES) expect((await change.send(berth.url)).status).toBeOneOf([201, 202])
    await stopRecorded(berth)
    return { data: berth.data, changes: lastChanges(readCalls(readFileSync(output, 'utf8'))) }
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

async function pushBlobs(url: string, images: readonly Image[]): Promise<void> {
  for (const blob of images.flatMap(({ blobs }) => blobs)) {
    await send('POST', `${REPOSITORY}/blobs/uploads/?digest=${blob.digest}`, blob)(url)
  }
}

/** The calls between one answer and the next; nothing is asked after the last of CHANGES. */
function lastChanges(calls: readonly Call[]): Traced[] {
  const answers = calls.filter((call) => [201, 202].includes(answeredStatus(call) ?? 0))
  const traced = answers.map((answer, at) => {
    const from = answers[at - 1]?.begun ?? 0
    return { answer, calls: calls.filter(({ begun }) => begun > from && begun < answer.begun) }
  })
  return withoutOpeningRequests(traced).slice(-CHANGES.length)
}

/** A blob in pieces is three requests: what it asks for belongs together. */
function withoutOpeningRequests(traced: readonly Traced[]): Traced[] {
  const whole: Traced[] = []
  let before: readonly Call[] = []
  for (const { answer, calls } of traced) {
    const opens = answer.values.includes(hex('Docker-Upload-Uuid')) && answeredStatus(answer) === 202
    if (opens) before = [...before, ...calls]
    else whole.push({ answer, calls: [...before, ...calls] })
    if (!opens) before = []
  }
  return whole
}

describeWith('before it answers, a server (strace)', ['strace'], ({ strace }) => {
  for (const [workers, subject] of [
    ['1', 'one process'],
    ['2', 'two workers and a writer'],
  ] as const) {
    let recording: Recording
    beforeAll(async () => {
      recording = await record(strace, workers)
    })

    for (const [at, change] of CHANGES.entries()) {
      test(`has on disk what tells of ${change.name} (${subject})`, () => {
        const traced = recording.changes[at]
        if (traced === undefined) throw new Error('The recording has no such change.')
        const tree = change.tree.map((path) => join(recording.data, 'docker/registry/v2', path))
        const isDurable = change.blob === undefined ? -1 : expectDurable(recording, traced, change.blob)
        expectInOrder(recording, traced, tree, isDurable)
      })
    }
  }
})

/** The file's sync, then its rename, then the sync of every folder that gained an entry, the deepest first. Gives the end of the last one. */
function expectDurable({ data }: Recording, { calls }: Traced, blob: Content): number {
  const path = join(data, 'docker/registry/v2', dataOf(blob))
  const rename = only(changesOf(calls, path).filter(({ name }) => name.startsWith('rename')))
  const [upload = ''] = namedPaths(rename)
  const written = endOf(calls.filter(({ name }) => /write/.test(name)).filter(isAbout(upload)))
  expect(written).toBeGreaterThan(0)
  expect(syncsOf(calls, upload, written).some(({ ended }) => ended < rename.begun)).toBe(true)
  const made = calls.filter((call) => call.name.startsWith('mkdir') && hasSucceeded(call)).flatMap(namedPaths)
  const above = made.filter((folder) => path.startsWith(`${folder}/`)).map((folder) => dirname(folder))
  const gained = [...new Set([dirname(path), ...above])].sort((a, b) => b.length - a.length)
  return gained.reduce((after, folder) => {
    const [sync] = syncsOf(calls, folder, after)
    expect(`${folder} is synced: ${sync !== undefined}`).toEndWith('true')
    return sync?.ended ?? after
  }, rename.ended)
}

/** A commit that is written after `after` and synced, then each path of the tree, then the answer. */
function expectInOrder(
  { data }: Recording,
  { calls, answer }: Traced,
  tree: readonly string[],
  after: number,
): void {
  const changes = tree.map((path) => changesOf(calls, path))
  expect(changes.map(({ length }) => length > 0)).toEqual(tree.map(() => true))
  const shownFrom = Math.min(...changes.flat().map(({ begun }) => begun))
  const log = join(data, 'berth/berth.db-wal')
  const written = calls.filter(({ name }) => /write/.test(name)).filter(isAbout(log))
  const committed = endOf(written.filter(({ begun, ended }) => begun > after && ended < shownFrom))
  expect(committed).toBeGreaterThan(after)
  expect(syncsOf(calls, log, committed).some(({ ended }) => ended < shownFrom)).toBe(true)
  expect(endOf(changes.flat())).toBeLessThan(answer.begun)
}

/** Renames onto a path or away from it, and its removal. */
function changesOf(calls: readonly Call[], path: string): Call[] {
  return calls
    .filter((call) => /^(?:rename|unlink|rmdir)/.test(call.name) && hasSucceeded(call))
    .filter((call) => namedPaths(call).includes(path))
}

function syncsOf(calls: readonly Call[], path: string, after: number): Call[] {
  return calls
    .filter(({ name, begun }) => /^f(?:data)?sync$/.test(name) && begun > after)
    .filter((call) => hasSucceeded(call) && isAbout(path)(call))
}

function isAbout(path: string): (call: Call) => boolean {
  return (call) => descriptorPath(call) === path
}

function endOf(calls: readonly Call[]): number {
  return Math.max(-1, ...calls.map(({ ended }) => ended))
}

function only(calls: readonly Call[]): Call {
  const [call] = calls
  if (call === undefined || calls.length > 1)
    throw new Error(`There are ${calls.length} such calls, not one.`)
  return call
}
