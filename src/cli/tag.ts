/** `berth tag`: what a tag has named, and letting it name that again. */
import { type Command, Option } from 'commander'
import type { RestoredTag, TagPosition } from '../registry/tags.ts'
import { formatWhen } from './amounts.ts'
import { EXIT, Failure } from './failure.ts'
import { commandWithExamples, programName } from './help.ts'
import { type OutputFlags, printResult, withOutputFormat } from './output.ts'
import { openOwnerClient } from './owner-client.ts'
import { describeRestored, failUnlessWhole } from './restored.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

type Flags = ServerFlags & OutputFlags

export function tagCommand(terminal: Terminal): Command {
  const program = programName()
  return commandWithExamples('tag', 'tell what a tag has named, and let it name that again', [
    {
      command: `${program} tag history team/app:1.0`,
      effect: 'every move of the tag: when, to what, by whom',
    },
    { command: `${program} tag restore team/app:1.0 --to 1`, effect: 'what it named before' },
  ])
    .addCommand(historyCommand(terminal))
    .addCommand(restoreCommand(terminal))
}

interface HistoryFlags extends Flags {
  readonly after?: string
}

interface HistoryPage {
  readonly positions: readonly TagPosition[]
  readonly next: string | null
}

function historyCommand(terminal: Terminal): Command {
  const program = programName()
  const command = commandWithExamples('history', 'tell every move of a tag, the newest first; 0 is now', [
    { command: `${program} tag history team/app:1.0`, effect: 'when, to what, by whom' },
    { command: `${program} tag history team/app:1.0 --format json`, effect: 'the same for programs' },
  ])
    .argument('<image>', 'as repository:tag, without the address of the registry')
    .addOption(new Option('--after <place>', 'goes on where a page has ended'))
  return withOutputFormat(withServerArguments(command)).action(
    async (image: string, file: string | undefined, flags: HistoryFlags) => {
      const name = nameOf(image)
      const { config } = await loadServerConfig(terminal, file, flags)
      await using owner = await openOwnerClient(terminal, config, { deletes: false })
      const { after } = flags
      const query = new URLSearchParams({ ...name, ...(after === undefined ? {} : { after }) })
      const page = (await owner.ask('GET', `/api/v1/tags/history?${query}`)) as HistoryPage
      printResult(terminal, flags, page, () => describeHistory(image, page, Date.now()))
    },
  )
}

const PLACES = { here: '', trash: ' (in the trash)', gone: ' (gone for good)' }

/** In lines for people. `now` in milliseconds since 1970. */
export function describeHistory(image: string, { positions, next }: HistoryPage, now: number): string[] {
  const width = String(positions.at(-1)?.position ?? 0).length
  const lines = positions.map(({ position, digest, by, from, until, manifest }) => {
    const end = until === null ? 'still' : `until ${formatWhen(until, now)}`
    const number = String(position).padStart(width)
    return `${number}  ${digest}${PLACES[manifest]}  ${formatWhen(from, now)} by ${by}, ${end}`
  })
  const more = `There are more: berth tag history ${image} --after ${next}`
  return [...lines, ...(next === null ? [] : [more])]
}

interface RestoreFlags extends Flags {
  readonly to: string
}

function restoreCommand(terminal: Terminal): Command {
  const program = programName()
  const command = commandWithExamples(
    'restore',
    'let a tag, deleted or not, name again what it named before',
    [
      { command: `${program} tag restore team/app:1.0 --to 1`, effect: 'what it named last' },
      {
        command: `${program} tag restore team/app:1.0 --to sha256:…`,
        effect: 'this one, out of its history',
      },
    ],
  )
    .argument('<image>', 'as repository:tag, without the address of the registry')
    .addOption(
      new Option(
        '--to <position>',
        'a number or a digest from berth tag history; what lies in the trash comes back',
      ).makeOptionMandatory(),
    )
  return withOutputFormat(withServerArguments(command)).action(
    async (image: string, file: string | undefined, flags: RestoreFlags) => {
      const { repository, tag } = nameOf(image)
      const to = /^\d{1,9}$/.test(flags.to) ? Number(flags.to) : flags.to
      const { config } = await loadServerConfig(terminal, file, flags)
      await using owner = await openOwnerClient(terminal, config, { deletes: false })
      const restored = (await owner.ask('POST', '/api/v1/tags/restore', {
        repository,
        tag,
        to,
      })) as RestoredTag
      printResult(terminal, flags, restored, () => describeTag(image, restored))
      failUnlessWhole(restored.brought)
    },
  )
}

/** In lines for people. */
export function describeTag(image: string, { digest, hasMoved, brought }: RestoredTag): string[] {
  const came = brought.manifests > 0 || !brought.isWhole
  return [
    hasMoved ? `${image} names ${digest} again.` : `${image} names ${digest} already.`,
    ...(came ? describeRestored(brought) : []),
  ]
}

/** Throws Failure. */
function nameOf(image: string): { readonly repository: string; readonly tag: string } {
  const match = /^(?<repository>[^:@]+):(?<tag>[^:@/]+)$/.exec(image)
  const { repository, tag } = match?.groups ?? {}
  if (repository !== undefined && tag !== undefined) return { repository, tag }
  throw new Failure(
    EXIT.USAGE,
    `"${image}" is no tag here: name it as team/app:1.0, without the registry's address.`,
  )
}
