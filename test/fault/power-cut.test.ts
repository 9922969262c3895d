/**
 * A power cut at fifty moments of a server's life, and at some more. It is recorded once, with all that it
 * writes; then for each moment its folder is built again as a disk might have kept it that dropped whatever was
 * not synced (at the moments beyond the fifty: that kept a part of it), and the next Berth must find in it
 * everything that had been answered 2xx until then.
 * `FAULT_SEED=7 npm test -- fault` chooses other moments, and other choices of the disk.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE, startBerth } from '../berth-server.ts'
import { content, digestOf, noise } from '../clients/images.ts'
import { startDockerRegistry } from '../peer/docker-registry.ts'
import { randomFrom } from '../random.ts'
import { mountObstacles, SmallDisk } from '../small-disk.ts'
import { describeUnless, describeWith } from '../tools/describe-with.ts'
import { DiskModel, EVERYTHING, NOTHING_UNSYNCED, type Survives } from './disk-model.ts'
import { appendUpTo, beginUpload, Ledger, pushRound, RecordingClient } from './ledger.ts'
import { expectNothingHalf, expectPromisesKept } from './promises.ts'
import {
  answeredStatus,
  type Call,
  descriptorPath,
  readCalls,
  recordingArguments,
  stopRecorded,
} from './recording.ts'

/** On a disk that drops everything that is not synced. */
const CLEAN_CUTS = 50
/** On one that keeps some of it: of two writes the later one alone, or of one some pages. */
const TORN_CUTS = 15
const CUTS = CLEAN_CUTS + TORN_CUTS
/** Of a disk in memory, where the syncs of the servers that recover take no time. */
const MEGABYTES = 512
/** Rounds of each life of the server: it is stopped and started between two. The first makes SQLite begin its log anew. */
const LIVES = [4, 1]
/** So many of the cuts are also looked at with registry:2, after Berth was there. */
const EVERY_NTH_WITH_PEER = 10
const seed = Number(process.env['FAULT_SEED'] ?? 1)

setDefaultTimeout(60_000)

/** A call begins, or it ends: between two of these the power may go. */
interface Event {
  readonly call: Call
  readonly phase: 'begin' | 'end'
}

interface Recording {
  readonly folder: string
  readonly events: readonly Event[]
  /** What had been promised and asked when so many answers had been sent. */
  readonly ledgers: readonly Ledger[]
}

/**
 * A program that believes in another boot of the machine than the one that is: a start after the cut would
 * otherwise take the machine for never having stopped.
 */
function onAnotherBoot(folder: string): string[] {
  const file = join(folder, 'boot_id')
  writeFileSync(file, `${crypto.randomUUID()}\n`)
  const bind = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"'
  return ['unshare', '--mount', 'sh', '-c', bind, file]
}

async function record(strace: string, folder: string): Promise<Recording> {
  const scratch = mkdtempSync(join(tmpdir(), 'power-cut-'))
  const ledger = new Ledger()
  const ledgers: Ledger[] = []
  const events: Event[] = []
  const hooks = {
    async before() {
      ledgers.push(copyOf(ledger))
    },
  }
  try {
    for (const [life, rounds] of LIVES.entries()) {
      const output = join(scratch, `life-${life}`)
      const program = [strace, ...recordingArguments(output), ...onAnotherBoot(scratch), ...FROM_SOURCE]
      await using berth = await startBerth({ program, data: join(folder, 'data') })
      const client = new RecordingClient(berth.url, ledger, hooks)
      for (let round = 0; round < rounds; round += 1) {
        await sendAllButClose(client, `life ${life} round ${round} unclosed`)
        await pushRound(client, `life ${life} round ${round}`)
      }
      await stopRecorded(berth)
      events.push(...eventsOf(readCalls(readFileSync(output, 'utf8'))))
    }
    return { folder, events, ledgers: [...ledgers, copyOf(ledger)] }
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

/** An upload that has all of its bytes, whose digest the server knows, and which nobody closes. */
async function sendAllButClose(client: RecordingClient, name: string): Promise<void> {
  const blob = content('application/octet-stream', noise(name, 100_000))
  await appendUpTo(client, await beginUpload(client, blob), blob.bytes.length)
}

/** In the order in which they were seen. */
function eventsOf(calls: readonly Call[]): Event[] {
  const begun = calls.map((call) => ({ line: call.begun, event: { call, phase: 'begin' } as const }))
  const ended = calls
    .filter((call) => call.ended !== Infinity)
    .map((call) => ({ line: call.ended, event: { call, phase: 'end' } as const }))
  return [...begun, ...ended].sort((a, b) => a.line - b.line).map(({ event }) => event)
}

/** A disk that goes along with the recording: only onwards, so that every event is looked at once. */
class Playback {
  readonly #recording: Recording
  readonly disk: DiskModel
  #position = 0
  #answers = 0

  constructor(recording: Recording) {
    this.#recording = recording
    this.disk = new DiskModel(recording.folder)
  }

  /** To the moment before the event with this number. */
  goTo(cut: number): void {
    for (const event of this.#recording.events.slice(this.#position, cut)) {
      this.disk[event.phase](event.call)
      if (isPromise(event)) this.#answers += 1
    }
    this.#position = cut
  }

  /** What clients have been told: an answer counts from the moment in which it is sent. */
  ledger(): Ledger {
    const ledger = this.#recording.ledgers[this.#answers]
    if (ledger === undefined) throw new Error(`The recording has more answers than there were requests.`)
    return copyOf(ledger)
  }
}

function isPromise({ call, phase }: Event): boolean {
  const status = phase === 'begin' ? answeredStatus(call) : null
  return status === 201 || status === 202
}

function isRename({ call, phase }: Event): boolean {
  return phase === 'end' && call.name.startsWith('rename')
}

function isCommit({ call, phase }: Event): boolean {
  return (
    phase === 'end' && /^f(?:data)?sync$/.test(call.name) && descriptorPath(call)?.endsWith('-wal') === true
  )
}

/** A cut, and how kind the disk is: the share of what nobody synced that is there all the same. */
interface Cut {
  readonly at: number
  readonly kept: number
}

/** Cuts right behind an answer, a rename and a commit, where most can go wrong, and anywhere. */
function chooseCuts({ events }: Recording, random: () => number): Cut[] {
  const places = [isPromise, isRename, isCommit, () => true].map((isWanted) =>
    events.flatMap((event, at) => (isWanted(event) ? [at + 1] : [])),
  )
  const cuts = new Map<number, Cut>()
  for (let turn = 0; cuts.size < CUTS; turn += 1) {
    const wanted = places[turn % places.length] ?? []
    const at = wanted[Math.floor(random() * wanted.length)]
    const kept = cuts.size < CLEAN_CUTS ? 0 : random()
    if (at !== undefined && !cuts.has(at)) cuts.set(at, { at, kept })
  }
  return [...cuts.values()].sort((a, b) => a.at - b.at)
}

describeUnless('after a power cut', mountObstacles(), () => {
  describeWith('at any moment', ['strace', 'docker-registry'], ({ strace }) => {
    const disk = new SmallDisk(MEGABYTES)
    const recorded = join(disk.path, 'recorded')
    let playback: Playback
    let end = 0
    let cuts: readonly Cut[] = []
    afterAll(() => disk[Symbol.dispose]())

    beforeAll(async () => {
      mkdirSync(recorded)
      const recording = await record(strace, recorded)
      playback = new Playback(recording)
      end = recording.events.length
      cuts = chooseCuts(recording, randomFrom(seed))
      const list = cuts.map(({ at, kept }) => `${at} (${Math.round(100 * kept)} %)`)
      console.log(`FAULT_SEED=${seed} cuts of ${end} events, with what is kept: ${list.join(', ')}`)
    })

    for (let number = 1; number <= CUTS; number += 1) {
      test(`what was acknowledged is there, number ${number}`, async () => {
        const cut = cuts[number - 1]
        if (cut === undefined) throw new Error(`There is no cut ${number}.`)
        const random = randomFrom(seed + cut.at)
        const survives: Survives = cut.kept === 0 ? NOTHING_UNSYNCED : () => random() < cut.kept
        const after = join(disk.path, `after-${number}`)
        playback.goTo(cut.at)
        playback.disk.writeAfterCut(after, survives)
        const ledger = playback.ledger()
        await expectRecovery(join(after, 'data'), ledger, cut)
        if (number % EVERY_NTH_WITH_PEER === 0) await expectPeerServes(join(after, 'data'), ledger)
        rmSync(after, { recursive: true })
      })
    }

    test('the recording missed nothing: with all that was in it, the folder is the real one', () => {
      const built = join(disk.path, 'built')
      playback.goTo(end)
      playback.disk.writeAfterCut(built, EVERYTHING)
      expect(contentsOf(built)).toEqual(contentsOf(recorded))
    })
  })
})

/** Berth finds all that was promised, and pushes go on. The ledger knows then which tags have moved. */
async function expectRecovery(data: string, ledger: Ledger, cut: Cut): Promise<void> {
  await using berth = await startBerth({ data })
  expectTreeShows(data, ledger)
  await expectPromisesKept(berth.url, ledger)
  await expectNothingHalf(berth.url, ledger)
  await expectUploadsTruthful(berth.url, ledger, cut)
  const afterwards = new Ledger(ledger.repository)
  await pushRound(new RecordingClient(berth.url, afterwards), 'afterwards')
  await expectPromisesKept(berth.url, afterwards)
  for (const [tag, state] of afterwards.tags) ledger.tags.set(tag, state)
  await berth.stop()
  expectTreeShows(data, ledger)
}

/** The link tree, which Berth does not read, tells of all that was promised, and of nothing that was deleted. */
function expectTreeShows(data: string, { repository, blobs, manifests, deleted, tags }: Ledger): void {
  const registry = join(data, 'docker/registry/v2')
  const repositoryFolder = join(registry, 'repositories', repository)
  const linkOf = (kind: string, digest: string) =>
    join(repositoryFolder, kind, digest.replace(':', '/'), 'link')
  for (const digest of [...blobs.keys(), ...manifests.keys()]) {
    const [algorithm = '', hex = ''] = digest.split(':')
    const file = join(registry, 'blobs', algorithm, hex.slice(0, 2), hex, 'data')
    expect(digestOf(readFileSync(file))).toBe(digest)
  }
  for (const digest of blobs.keys()) expect(textOf(linkOf('_layers', digest))).toBe(digest)
  for (const digest of manifests.keys()) {
    expect(textOf(linkOf('_manifests/revisions', digest))).toBe(digest)
  }
  for (const path of deleted) {
    const [kind, digest = ''] = path.split('/')
    expect(textOf(linkOf(kind === 'blobs' ? '_layers' : '_manifests/revisions', digest))).toBeNull()
  }
  for (const [tag, { promised, asked }] of tags) {
    const folder = join(repositoryFolder, '_manifests/tags', tag)
    const link = textOf(join(folder, 'current/link'))
    expect([promised, ...asked]).toContain(link)
    expect(existsSync(folder)).toBe(link !== null)
  }
}

function textOf(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}

/** registry:2 serves it too, once Berth has been there. */
async function expectPeerServes(data: string, ledger: Ledger): Promise<void> {
  await using peer = await startDockerRegistry({ data })
  await expectPromisesKept(peer.url, ledger)
}

function copyOf(ledger: Ledger): Ledger {
  const copy = new Ledger(ledger.repository)
  for (const [digest, blob] of ledger.blobs) copy.blobs.set(digest, blob)
  for (const [digest, manifest] of ledger.manifests) copy.manifests.set(digest, manifest)
  for (const path of ledger.deleted) copy.deleted.add(path)
  for (const [digest, content] of ledger.asked) copy.asked.set(digest, content)
  for (const [tag, state] of ledger.tags) copy.tags.set(tag, state)
  for (const [tag, digest] of ledger.together) copy.together.set(tag, digest)
  for (const upload of ledger.uploads) copy.uploads.add({ ...upload })
  return copy
}

/**
 * An upload in progress is gone, or it stands where it says, and can be finished from there with the bytes that
 * were sent: the cut may have taken its last bytes, or all of them. A disk that kept some pages of it and lost
 * others gives wrong bytes: those are refused.
 */
async function expectUploadsTruthful(url: string, ledger: Ledger, { kept }: Cut): Promise<void> {
  for (const { blob, location, sent } of ledger.uploads) {
    const address = new URL(location, url)
    const answer = await fetch(address)
    if (answer.status === 404) continue
    expect(answer.status).toBe(204)
    const last = Number(answer.headers.get('range')?.replace('0-', ''))
    const received = last === 0 ? 0 : last + 1
    expect(received).toBeLessThanOrEqual(sent)
    address.searchParams.set('digest', blob.digest)
    const body = blob.bytes.subarray(received)
    const headers = { 'content-range': `${received}-${blob.bytes.length - 1}` }
    const closed = await fetch(address, { method: 'PUT', ...(body.length > 0 ? { body, headers } : {}) })
    expect(closed.status).toBeOneOf(kept === 0 ? [201] : [201, 400])
    if (closed.status === 201) ledger.blobs.set(blob.digest, blob)
    else expect(await closed.text()).toContain('DIGEST_INVALID')
  }
  ledger.uploads.clear()
}

/** Every file and folder below, with what it holds; without SQLite's shared memory, which is not for the disk. */
function contentsOf(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const contents = paths
    .filter((path) => !path.endsWith('-shm'))
    .map((path) => {
      const full = join(folder, path)
      const isFolder = statSync(full).isDirectory()
      return [path, isFolder ? 'a folder' : Bun.hash(readFileSync(full)).toString(16)]
    })
  return Object.fromEntries(contents)
}
