/** `berth usage`: what everything takes up, or one repository, or one image of it. */
import type { Command } from 'commander'
import type { Total } from '../metadata/usage.ts'
import type { ImageUsage } from '../registry/usage/image.ts'
import type { Counting, RegistryUsage, RepositoryUsage } from '../registry/usage.ts'
import { formatBytes } from './amounts.ts'
import { EXIT, Failure } from './failure.ts'
import { commandWithExamples, programName } from './help.ts'
import { type OutputFlags, printResult, withOutputFormat } from './output.ts'
import { openOwnerClient } from './owner-client.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

type UsageFlags = ServerFlags & OutputFlags

export function usageCommand(terminal: Terminal): Command {
  const program = programName()
  const command = commandWithExamples('usage', 'tell what images take up', [
    { command: `${program} usage`, effect: 'everything' },
    { command: `${program} usage team/app`, effect: 'one repository' },
    { command: `${program} usage team/app:1.0`, effect: 'one image, and what would go with it' },
    { command: `${program} usage team/app@sha256:…`, effect: 'the same, by digest' },
    { command: `${program} usage --format json team/app`, effect: 'for programs, in bytes' },
  ]).argument('[image]', 'a repository, or an image as repository:tag or repository@digest; all unless named')
  return withOutputFormat(withServerArguments(command)).action(
    (image: string | undefined, file: string | undefined, flags: UsageFlags) =>
      tellUsage(terminal, { image, file, flags }),
  )
}

async function tellUsage(
  terminal: Terminal,
  { image, file, flags }: { image: string | undefined; file: string | undefined; flags: UsageFlags },
): Promise<void> {
  const query = new URLSearchParams(image === undefined ? {} : placeOf(image))
  const { config } = await loadServerConfig(terminal, file, flags)
  await using owner = await openOwnerClient(terminal, config, { deletes: false })
  const usage = (await owner.ask('GET', `/api/v1/usage?${query}`)) as Usage
  printResult(terminal, flags, usage, () => describeUsage(usage))
}

export type Usage = RegistryUsage | RepositoryUsage | ImageUsage

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

/** What it is called, how much it is (bytes, or digests too), and what it means. */
type Line = readonly [string, Total | number, string]

function table(lines: readonly Line[]): string[] {
  const amounts = lines.map(([, amount]) => formatBytes(typeof amount === 'number' ? amount : amount.bytes))
  const width = Math.max(...amounts.map(({ length }) => length))
  return lines.map(([name, amount, meaning], at) => {
    const blobs = typeof amount === 'number' ? '' : `${amount.digests} blobs, `
    return `${name.padEnd(14)}${(amounts[at] ?? '').padStart(width)}  (${blobs}${meaning})`
  })
}

function describeCounting({ isComplete, waiting }: Counting): string[] {
  if (isComplete) return []
  return [`This is still being counted: ${waiting} changes or more are to be added. Ask again in a moment.`]
}
