/** `berth gc status`: how collection stands. */
import type { Command } from 'commander'
import type { JobState } from '../protocols/management/route.ts'
import type { CollectionStatus } from '../registry/gc/status.ts'
import { formatBytes, formatWhen } from './amounts.ts'
import { commandWithExamples, programName } from './help.ts'
import { type OutputFlags, printResult, withOutputFormat } from './output.ts'
import { openOwnerClient } from './owner-client.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

type StatusFlags = ServerFlags & OutputFlags

/** What the server answers. */
export type GcStatus = CollectionStatus & { readonly jobs: readonly JobState[] }

export function gcStatusCommand(terminal: Terminal): Command {
  const program = programName()
  const command = commandWithExamples(
    'status',
    'tell what collection has before it, and why it waits where it does',
    [
      { command: `${program} gc status --data /srv/registry`, effect: 'of the registry in this folder' },
      { command: `${program} gc status --format json config.yml`, effect: 'for programs, in bytes' },
    ],
  )
  return withOutputFormat(withServerArguments(command)).action(
    (file: string | undefined, flags: StatusFlags) => tellStatus(terminal, file, flags),
  )
}

async function tellStatus(terminal: Terminal, file: string | undefined, flags: StatusFlags): Promise<void> {
  const { config } = await loadServerConfig(terminal, file, flags)
  await using owner = await openOwnerClient(terminal, config, { deletes: false })
  const status = (await owner.ask('GET', '/api/v1/gc')) as GcStatus
  printResult(terminal, flags, status, () => describeStatus(status, Date.now()))
}

/** In lines for people. `now` in milliseconds since 1970. */
export function describeStatus(status: GcStatus, now: number): string[] {
  const { reviews, live, trash, reclaimable, condemned, deleting, aside, heldBy, jobs } = status
  const next = reviews.nextDueAt === null ? '' : `, the next one ${formatWhen(reviews.nextDueAt, now)}`
  return [
    `In images: ${amount(live.digests, live.bytes)}`,
    `In the trash: ${amount(trash.digests, trash.bytes)}`,
    `Needed by nothing: ${amount(reclaimable.digests, reclaimable.bytes)}`,
    `  to be looked at: ${reviews.waiting} (${reviews.due} now${next})`,
    `  condemned: ${amount(condemned.blobs, condemned.bytes)}`,
    `Being deleted: ${amount(deleting.blobs, deleting.bytes)}`,
    `Lying aside until their space is free: ${amount(aside.blobs, aside.bytes)}`,
    ...jobs.map((job) => describeJob(job, now)),
    heldBy === null ? 'Nothing holds collection up.' : `Nothing is collected now. ${heldBy}`,
  ]
}

function amount(blobs: number, bytes: number): string {
  return `${blobs} ${blobs === 1 ? 'blob' : 'blobs'}, ${formatBytes(bytes)}`
}

function describeJob(
  { name, succeededAt, failures, failingSince, lastError }: JobState,
  now: number,
): string {
  const last = succeededAt === null ? 'has not run yet' : `ran last ${formatWhen(succeededAt, now)}`
  if (failures === 0 || failingSince === null) return `Job ${name}: ${last}`
  return `Job ${name}: ${last}; failing since ${formatWhen(failingSince, now)}: ${lastError}`
}
