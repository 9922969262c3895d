/**
 * `berth garbage-collect`: what nothing needs, in the lines of distribution's command, asked of the server that runs or
 * found in the database where none does.
 *
 * Nothing is deleted yet, with or without `--dry-run`; without it the end says so. The exit code is 0 all the same:
 * this command runs from cron, where a failure means that somebody must look, and nothing is wrong here: all that would
 * have gone is still there.
 */
import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import type { GarbageCursor, GarbageFinding, GarbagePage } from '../registry/gc/garbage.ts'
import { findRunningServer } from './control-client.ts'
import { commandWithExamples, programName } from './help.ts'
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
    commandWithExamples('garbage-collect', 'tell what no image needs any more', [
      { command: `${program} garbage-collect -d config.yml`, effect: 'content that no manifest refers to' },
      { command: `${program} garbage-collect -d -m config.yml`, effect: 'and manifests without a tag' },
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
  const print = flags.quiet === true ? () => {} : terminal.print
  for await (const page of pagesOf(config, flags.deleteUntagged === true)) {
    const lines = page.findings.flatMap(linesOf)
    if (lines.length > 0) print(`${lines.join('\n')}\n`)
    if (flags.quiet !== true) tellOfTrash(terminal, page)
  }
  if (flags.dryRun !== true) terminal.note(NOTHING_DELETED)
}

const NOTHING_DELETED =
  'Nothing was deleted: this version of Berth tells what may go, and keeps it. ' +
  "To free the space now, stop Berth, run registry:2's garbage-collect on the same folder (not with -m, which there takes " +
  'parts of images for several platforms), and start Berth again.\n'

/** One page after another, wherever they come from. Throws Failure, DatabaseUnavailable, StorageUnavailable. */
async function* pagesOf(config: Config, deleteUntagged: boolean): AsyncGenerator<GarbagePage> {
  const { driver } = config.storage
  const server = driver.kind === 'filesystem' ? await findRunningServer(driver.root) : null
  if (server === null) {
    yield* ownPages(config, deleteUntagged)
    return
  }
  for (let cursor: GarbageCursor | null = null; ; ) {
    const request = { deleteUntagged, cursor }
    const page = (await server.ask('POST', '/api/v1/garbage-collection', request)) as GarbagePage
    yield page
    if (page.next === null) return
    cursor = page.next
  }
}

async function* ownPages(config: Config, deleteUntagged: boolean): AsyncGenerator<GarbagePage> {
  const { openGarbagePlace } = await import('../app/garbage.ts')
  const { findGarbage, GARBAGE_BEGIN } = await import('../registry/gc/garbage.ts')
  const opened = await openGarbagePlace(config)
  try {
    for (let cursor = GARBAGE_BEGIN; ; ) {
      const page = await findGarbage(opened.place, { deleteUntagged }, cursor)
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

/** Beside the lines that programs read. */
function tellOfTrash(terminal: Terminal, { findings }: GarbagePage): void {
  const inTrash = findings.find((finding) => finding.kind === 'counts')?.inTrash ?? 0
  if (inTrash === 0) return
  terminal.note(`More blobs are in the trash, so that what was deleted can be restored: ${inTrash}.\n`)
}
