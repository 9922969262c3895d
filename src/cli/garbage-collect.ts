/**
 * `berth garbage-collect`: what nothing needs, in the lines of distribution's command, asked of the server that runs or
 * found in the database where none does. Without `--dry-run` all that it has told of is deleted then: content by
 * collection, beside pushes and pulls, and manifests into the trash.
 *
 * The lines are for programs, and go to standard output; what became of it is for people, and goes to standard error.
 */
import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import type { GarbageCursor, GarbageFinding, GarbagePage } from '../registry/gc/garbage.ts'
import type { DeletedGarbage } from '../registry/gc/garbage-deletion.ts'
import type { TrashPage } from '../registry/trash.ts'
import { formatBytes } from './amounts.ts'
import { type ControlClient, findRunningServer } from './control-client.ts'
import { collectAll } from './gc-run.ts'
import { commandWithExamples, programName } from './help.ts'
import { type OwnerClient, openOwnerClient } from './owner-client.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

interface GarbageFlags extends ServerFlags {
  readonly dryRun?: boolean
  readonly deleteUntagged?: boolean
  readonly quiet?: boolean
}

export function garbageCollectCommand(terminal: Terminal): Command {
  const program = programName()
  return withServerArguments(
    commandWithExamples('garbage-collect', 'delete what no image needs any more', [
      {
        command: `${program} garbage-collect -d config.yml`,
        effect: 'only tell of content that nothing refers to',
      },
      { command: `${program} garbage-collect config.yml`, effect: 'and delete it' },
      {
        command: `${program} garbage-collect -m config.yml`,
        effect: 'and put manifests without a tag into the trash',
      },
    ]),
  )
    .option('-d, --dry-run', 'do everything except remove the blobs')
    .option('-m, --delete-untagged', 'delete manifests that are not currently referenced via tag')
    .option('-q, --quiet', 'silence output')
    .action((file: string | undefined, flags: GarbageFlags) => garbageCollect(terminal, file, flags))
}

async function garbageCollect(
  terminal: Terminal,
  file: string | undefined,
  flags: GarbageFlags,
): Promise<void> {
  const { config } = await loadServerConfig(terminal, file, flags)
  const deleteUntagged = flags.deleteUntagged === true
  const quiet = flags.quiet === true
  const out = quiet ? { ...terminal, print: () => {}, note: () => {} } : terminal
  if (flags.dryRun === true) {
    await tell(out, dryPagesOf(config, deleteUntagged))
    return
  }
  await using owner = await openOwnerClient(out, config, { deletes: true })
  const eligible = await tell(out, pagesOf(owner, deleteUntagged))
  await deleteAll(out, owner, { deleteUntagged, eligible })
}

/** Gives how many blobs may go. */
async function tell(terminal: Terminal, pages: AsyncIterable<GarbagePage>): Promise<number> {
  let eligible = 0
  for await (const page of pages) {
    const lines = page.findings.flatMap(linesOf)
    if (lines.length > 0) terminal.print(`${lines.join('\n')}\n`)
    const counts = page.findings.find((finding) => finding.kind === 'counts')
    if (counts !== undefined) eligible = counts.blobs
    if ((counts?.inTrash ?? 0) > 0) {
      terminal.note(
        `More blobs are in the trash, so that what was deleted can be restored: ${counts?.inTrash}.\n`,
      )
    }
  }
  return eligible
}

interface Deletion {
  readonly deleteUntagged: boolean
  /** How many blobs may go. */
  readonly eligible: number
}

async function deleteAll(
  terminal: Terminal,
  owner: OwnerClient,
  { deleteUntagged, eligible }: Deletion,
): Promise<void> {
  let trashed = 0
  for (let cursor: GarbageCursor | null = null; ; ) {
    const request = { deleteUntagged, cursor }
    const page = (await owner.ask('POST', '/api/v1/garbage-collection/delete', request)) as DeletedGarbage
    trashed += page.trashed
    if (page.next === null) break
    cursor = page.next
  }
  const { deleted, freedBytes } = await collectAll(owner)
  terminal.note(`${deleted} blobs were deleted, and ${formatBytes(freedBytes)} are free.\n`)
  if (trashed === 0 && deleted < eligible) terminal.note(LEFT)
  if (trashed > 0) terminal.note(`${trashed} manifests without a tag went into the trash.\n`)
  await tellUntilWhen(terminal, owner)
}

const LEFT =
  'The others stay for now, for a push has named them only just (berth.collection.lease): collection deletes them then.\n'

/** Nothing where the trash is empty. */
async function tellUntilWhen(terminal: Terminal, owner: OwnerClient): Promise<void> {
  const { entries } = (await owner.ask('GET', '/api/v1/trash?limit=1')) as TrashPage
  const [newest] = entries
  if (newest === undefined) return
  const until = new Date(newest.keptUntil).toISOString()
  const empty = `${programName()} trash empty --all`
  terminal.note(`What is in the trash can be restored, and goes by ${until}, or now with "${empty}".\n`)
}

/** One page after another, wherever they come from. Throws Failure, DatabaseUnavailable, StorageUnavailable. */
async function* dryPagesOf(config: Config, deleteUntagged: boolean): AsyncGenerator<GarbagePage> {
  const { driver } = config.storage
  const server = driver.kind === 'filesystem' ? await findRunningServer(driver.root) : null
  yield* server === null ? ownPages(config, deleteUntagged) : pagesOf(server, deleteUntagged)
}

async function* pagesOf(owner: ControlClient, deleteUntagged: boolean): AsyncGenerator<GarbagePage> {
  for (let cursor: GarbageCursor | null = null; ; ) {
    const request = { deleteUntagged, cursor }
    const page = (await owner.ask('POST', '/api/v1/garbage-collection', request)) as GarbagePage
    yield page
    if (page.next === null) return
    cursor = page.next
  }
}

/** Read beside whoever writes to the database: on SQLite nobody does, on PostgreSQL another replica may. */
async function* ownPages(config: Config, deleteUntagged: boolean): AsyncGenerator<GarbagePage> {
  const { openGarbagePlace } = await import('../app/garbage.ts')
  const { findGarbage, GARBAGE_BEGIN } = await import('../registry/gc/garbage.ts')
  const opened = await openGarbagePlace(config)
  const untaggedBefore = Date.now() - config.collection.leaseMilliseconds
  const rules = config.database.kind === 'sqlite' ? { deleteUntagged } : { deleteUntagged, untaggedBefore }
  try {
    for (let cursor = GARBAGE_BEGIN; ; ) {
      const page = await findGarbage(opened.place, rules, cursor)
      yield page
      if (page.next === null) return
      cursor = page.next
    }
  } finally {
    await opened.close()
  }
}

/** In distribution's words. */
function linesOf(finding: GarbageFinding): string[] {
  switch (finding.kind) {
    case 'repository':
      return [finding.repository]
    case 'kept manifest':
      return [`${finding.repository}: marking manifest ${finding.digest} `]
    case 'kept blob':
      return [`${finding.repository}: marking blob ${finding.digest}`]
    case 'garbage manifest':
      return [`manifest eligible for deletion: ${finding.digest}`]
    case 'counts': {
      const { kept, blobs, manifests } = finding
      return ['', `${kept} blobs marked, ${blobs} blobs and ${manifests} manifests eligible for deletion`]
    }
    case 'garbage blob':
      return [`blob eligible for deletion: ${finding.digest}`]
  }
}
