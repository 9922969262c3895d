/** `berth trash`: what was deleted and can be taken back, taking it back, and emptying the trash. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { RestoredThings } from '../registry/restoration.ts'
import type { EmptyingResult, TrashEntry, TrashPage } from '../registry/trash.ts'
import { formatBytes, formatWhen } from './amounts.ts'
import { EXIT, Failure } from './failure.ts'
import { commandWithExamples, programName } from './help.ts'
import { type OutputFlags, printResult, withOutputFormat } from './output.ts'
import { type OwnerClient, openOwnerClient } from './owner-client.ts'
import { describeRestored, failUnlessWhole } from './restored.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

type Flags = ServerFlags & OutputFlags

export function trashCommand(terminal: Terminal): Command {
  const program = programName()
  return commandWithExamples(
    'trash',
    'tell what was deleted and can be taken back, take it back, empty the trash',
    [
      { command: `${program} trash list`, effect: 'what was deleted, by whom, and until when it is kept' },
      {
        command: `${program} trash restore 17`,
        effect: 'take a deletion back, with everything that hung on it',
      },
      { command: `${program} trash empty --all`, effect: 'let everything go for good' },
    ],
  )
    .addCommand(listCommand(terminal))
    .addCommand(restoreCommand(terminal))
    .addCommand(emptyCommand(terminal))
}

interface ListFlags extends Flags {
  readonly repository?: string
  readonly before?: number
  readonly limit: number
}

function listCommand(terminal: Terminal): Command {
  const program = programName()
  const command = commandWithExamples(
    'list',
    'tell what was deleted and can be taken back, the newest first',
    [
      { command: `${program} trash list`, effect: 'the newest deletions' },
      { command: `${program} trash list --repository team/app`, effect: 'those of one repository' },
      { command: `${program} trash list --before 17 --format json`, effect: 'the ones before, for programs' },
    ],
  )
    .addOption(new Option('--repository <name>', 'of one repository only'))
    .addOption(new Option('--before <number>', 'deletions before this one').argParser(wholeNumber))
    .addOption(new Option('--limit <number>', 'at most so many').argParser(wholeNumber).default(50))
  return withOutputFormat(withServerArguments(command)).action(
    async (file: string | undefined, flags: ListFlags) => {
      const { config } = await loadServerConfig(terminal, file, flags)
      await using owner = await openOwnerClient(terminal, config, { deletes: false })
      const page = (await owner.ask('GET', `/api/v1/trash?${queryOf(flags)}`)) as TrashPage
      printResult(terminal, flags, page, () => describePage(page, Date.now()))
    },
  )
}

function queryOf({ repository, before, limit }: ListFlags): URLSearchParams {
  return new URLSearchParams({
    limit: String(limit),
    ...(repository === undefined ? {} : { repository }),
    ...(before === undefined ? {} : { before: String(before) }),
  })
}

/** In lines for people. `now` in milliseconds since 1970. */
export function describePage({ entries, next }: TrashPage, now: number): string[] {
  if (entries.length === 0) return ['The trash is empty.']
  const more = `There are more: berth trash list --before ${next}`
  return [...entries.flatMap((entry) => describeEntry(entry, now)), ...(next === null ? [] : [more])]
}

const STATES = {
  kept: '',
  filling: ' (still being deleted)',
  restoring: ' (being restored)',
  emptying: ' (being emptied)',
}

function describeEntry(entry: TrashEntry, now: number): string[] {
  const { id, what, repository, state, deletedBy, deletedAt, keptUntil, counts } = entry
  const when = `deleted ${formatWhen(deletedAt, now)} by ${deletedBy}, goes for good ${formatWhen(keptUntil, now)}`
  const amounts = `${counts.manifests} manifests (${formatBytes(counts.bytes)} without layers), ${counts.tags} tags`
  return [`${id}  ${what} of ${repository}${STATES[state]}: ${nameOf(entry)}`, `    ${when}; ${amounts}`]
}

/** What people know it by: its tags, or its digest. */
function nameOf({ someTags, someManifests, counts }: TrashEntry): string {
  const named = someTags.length > 0 ? someTags.map(({ name }) => name) : someManifests
  const count = someTags.length > 0 ? counts.tags : counts.manifests
  const shown = named.slice(0, 3)
  const rest = count - shown.length
  return `${shown.join(', ')}${rest > 0 ? `, and ${rest} more` : ''}`
}

function restoreCommand(terminal: Terminal): Command {
  const program = programName()
  const command = commandWithExamples('restore', 'take a deletion back, with everything that hung on it', [
    { command: `${program} trash restore 17`, effect: 'the deletion with this number (berth trash list)' },
    { command: `${program} trash restore 17 config.yml`, effect: 'of the registry with this configuration' },
  ]).argument('<deletion>', 'its number, from berth trash list', wholeNumber)
  return withOutputFormat(withServerArguments(command)).action(
    async (id: number, file: string | undefined, flags: Flags) => {
      const { config } = await loadServerConfig(terminal, file, flags)
      await using owner = await openOwnerClient(terminal, config, { deletes: false })
      const restored = (await owner.ask('POST', `/api/v1/trash/${id}/restore`)) as RestoredThings
      printResult(terminal, flags, restored, () => describeRestored(restored))
      failUnlessWhole(restored)
    },
  )
}

interface EmptyFlags extends Flags {
  readonly id?: number
  readonly repository?: string
  readonly all?: boolean
}

function emptyCommand(terminal: Terminal): Command {
  const program = programName()
  const command = commandWithExamples(
    'empty',
    'let deletions go for good: they cannot be taken back any more',
    [
      { command: `${program} trash empty --id 17`, effect: 'one deletion (berth trash list)' },
      { command: `${program} trash empty --repository team/app`, effect: 'all of one repository' },
      { command: `${program} trash empty --all`, effect: 'all there are; collection then frees the space' },
    ],
  )
    .addOption(new Option('--id <number>', 'this deletion only').argParser(wholeNumber))
    .addOption(new Option('--repository <name>', 'all deletions of this repository'))
    .addOption(new Option('--all', 'all deletions'))
  return withOutputFormat(withServerArguments(command)).action(
    async (file: string | undefined, flags: EmptyFlags) => {
      const wanted = wantedOf(flags)
      const { config } = await loadServerConfig(terminal, file, flags)
      await using owner = await openOwnerClient(terminal, config, { deletes: false })
      const emptied = await emptyAsFarAsAsked(owner, wanted)
      printResult(terminal, flags, emptied, () => describeEmptied(emptied))
    },
  )
}

/** The server answers after some time, however much there is: then it is asked to go on. */
async function emptyAsFarAsAsked(owner: OwnerClient, wanted: object): Promise<EmptyingResult> {
  let all: EmptyingResult = { deletions: 0, manifests: 0, skipped: 0, next: null }
  do {
    const before = all.next === null ? {} : { before: all.next }
    const part = (await owner.ask('POST', '/api/v1/trash/empty', { ...wanted, ...before })) as EmptyingResult
    all = {
      deletions: all.deletions + part.deletions,
      manifests: all.manifests + part.manifests,
      skipped: all.skipped + part.skipped,
      next: part.next,
    }
  } while (all.next !== null)
  return all
}

/** Throws Failure unless exactly one is named. */
function wantedOf({ id, repository, all }: EmptyFlags): object {
  const wanted = [
    ...(id === undefined ? [] : [{ id }]),
    ...(repository === undefined ? [] : [{ repository }]),
    ...(all === true ? [{ all }] : []),
  ]
  const [first, ...others] = wanted
  if (first !== undefined && others.length === 0) return first
  throw new Failure(EXIT.USAGE, 'Say what is to go for good: --id NUMBER, --repository NAME or --all.')
}

/** In lines for people. */
export function describeEmptied({ deletions, manifests, skipped }: EmptyingResult): string[] {
  const left = `Left: ${skipped} that are being restored, or made, at this moment.`
  return [
    `Gone for good: ${deletions} deletions with ${manifests} manifests. Collection frees what nothing else uses.`,
    ...(skipped === 0 ? [] : [left]),
  ]
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a whole number.')
  return Number(text)
}
