/** `berth usage`: what everything takes up, or the largest repositories, or one repository, or one image of it. */
import type { Command } from 'commander'
import type { Total } from '../metadata/usage.ts'
import type { ImageUsage } from '../registry/usage/image.ts'
import type { Counting, RegistryUsage, RepositoryUsage, RepositoryUsages } from '../registry/usage.ts'
import { formatBytes } from './amounts.ts'
import { EXIT, Failure } from './failure.ts'
import { commandWithExamples, programName } from './help.ts'
import { type OutputFlags, printResult, withOutputFormat } from './output.ts'
import { openOwnerClient } from './owner-client.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

interface UsageFlags extends ServerFlags, OutputFlags {
  /** How many of the largest; true: as many as a page has. */
  readonly largest?: string | true
}

export function usageCommand(terminal: Terminal): Command {
  const program = programName()
  const command = commandWithExamples('usage', 'tell what images take up', [
    { command: `${program} usage`, effect: 'everything' },
    { command: `${program} usage --largest`, effect: 'the largest repositories' },
    { command: `${program} usage team/app`, effect: 'one repository' },
    { command: `${program} usage team/app:1.0`, effect: 'one image, and what would go with it' },
    { command: `${program} usage team/app@sha256:…`, effect: 'the same, by digest' },
    { command: `${program} usage --format json team/app`, effect: 'for programs, in bytes' },
  ]).argument('[image]', 'a repository, or an image as repository:tag or repository@digest; all unless named')
  return withOutputFormat(
    withServerArguments(command).option('--largest [number]', 'the largest repositories, 20 unless told'),
  ).action((image: string | undefined, file: string | undefined, flags: UsageFlags) =>
    tellUsage(terminal, { image, file, flags }),
  )
}

async function tellUsage(
  terminal: Terminal,
  { image, file, flags }: { image: string | undefined; file: string | undefined; flags: UsageFlags },
): Promise<void> {
  const path = pathFor(image, flags.largest)
  const { config } = await loadServerConfig(terminal, file, flags)
  await using owner = await openOwnerClient(terminal, config, { deletes: false })
  const usage = (await owner.ask('GET', path)) as Usage
  printResult(terminal, flags, usage, () => describeUsage(usage))
}

/** What to ask. Throws Failure. */
function pathFor(image: string | undefined, largest: UsageFlags['largest']): string {
  if (largest === undefined) {
    return `/api/v1/usage?${new URLSearchParams(image === undefined ? {} : placeOf(image))}`
  }
  if (image !== undefined)
    throw new Failure(EXIT.USAGE, 'Name an image, or ask for the largest repositories.')
  const query = new URLSearchParams(largest === true ? {} : { limit: largest })
  return `/api/v1/usage/repositories?${query}`
}

export type Usage = RegistryUsage | RepositoryUsages | RepositoryUsage | ImageUsage

/** `team/app:1.0` as its parts. Throws Failure. */
export function placeOf(image: string): Record<string, string> {
  const match = /^(?<repository>[^:@]+)(?::(?<tag>[^:@/]+)|@(?<digest>[^@/]+))?$/.exec(image)
  if (match?.groups === undefined) {
    throw new Failure(
      EXIT.USAGE,
      `"${image}" is no image here: name a repository (team/app), a tag (team/app:1.0) or a digest (team/app@sha256:…), without the registry's address.`,
    )
  }
  return Object.fromEntries(Object.entries(match.groups).filter(([, part]) => part !== undefined))
}

/** In lines for people. */
export function describeUsage(usage: Usage): string[] {
  if ('digest' in usage) return describeImage(usage)
  if ('repositories' in usage) return describeLargest(usage)
  if ('repository' in usage) {
    const { size, unique, shared, trash, reclaimable, counting } = usage
    return [
      `${usage.repository}:`,
      ...table([
        ['Size', size, 'what its images use'],
        ['  Unique', unique, 'that no other repository uses'],
        ['  Shared', shared, 'that others use too'],
        ['In the trash', trash, 'that only deleted images use'],
        ['Reclaimable', reclaimable, 'that none of its images uses'],
      ]),
      ...describeCounting(counting),
    ]
  }
  const { stored, live, unique, shared, trash, reclaimable, leaving, aside, counting } = usage
  return [
    ...table([
      ['Stored', stored, 'live, in the trash, reclaimable and leaving'],
      ['Live', live, 'what images use'],
      ['  Unique', unique, 'in one repository only'],
      ['  Shared', shared, 'in several repositories'],
      ['In the trash', trash, 'that only deleted images use'],
      ['Reclaimable', reclaimable, 'that no image uses, and that goes when its grace is over'],
      ['Leaving', leaving, 'being deleted'],
      ...(aside === null
        ? []
        : [['Beside that', aside, 'deleted, and still aside for some minutes'] as const]),
    ]),
    ...describeCounting(counting),
  ]
}

function describeImage({
  digest,
  isLive,
  size,
  unique,
  shared,
  trash,
  digests,
  isPartial,
}: ImageUsage): string[] {
  return [
    `${digest}${isLive ? '' : ' (in the trash)'}:`,
    ...table([
      ['Size', { bytes: size, digests }, 'with all that it refers to'],
      [
        '  Unique',
        unique,
        isLive ? 'that nothing else uses: what deleting it would free' : 'that nothing else uses',
      ],
      ['  Shared', shared, 'that other images use too'],
      ['In the trash', trash, 'that is kept only for it to be restored'],
    ]),
    ...(isPartial ? ['It is so large that only a part of it was looked at.'] : []),
  ]
}

/** A line for each repository. */
function describeLargest({ repositories, next, counting }: RepositoryUsages): string[] {
  const rows = [
    ['SIZE', 'UNIQUE', 'IN THE TRASH', 'RECLAIMABLE', 'REPOSITORY'],
    ...repositories.map(({ repository, size, unique, trash, reclaimable }) => [
      ...[size, unique, trash, reclaimable].map(({ bytes }) => formatBytes(bytes)),
      repository,
    ]),
  ]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '))
  return [...lines, ...(next === null ? [] : ['There are more.']), ...describeCounting(counting)]
}

/** What it is called, how much it is (bytes, or digests too), and what it means. */
type Line = readonly [string, Total | number, string]

function table(lines: readonly Line[]): string[] {
  const amounts = lines.map(([, amount]) => formatBytes(typeof amount === 'number' ? amount : amount.bytes))
  const width = Math.max(...amounts.map(({ length }) => length))
  return lines.map(([name, amount, meaning], at) => {
    const blobs =
      typeof amount === 'number' ? '' : `${amount.digests} ${amount.digests === 1 ? 'blob' : 'blobs'}, `
    return `${name.padEnd(14)}${(amounts[at] ?? '').padStart(width)}  (${blobs}${meaning})`
  })
}

function describeCounting({ isComplete, waiting }: Counting): string[] {
  if (isComplete) return []
  return [`This is still being counted: ${waiting} changes or more are to be added. Ask again in a moment.`]
}
