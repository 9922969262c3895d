/** `berth gc`: how collection stands. */
import type { Command } from 'commander'
import type { JobState } from '../protocols/management/route.ts'
import type { CollectionStatus } from '../registry/gc/status.ts'
import { formatBytes, formatWhen } from './amounts.ts'
import { explainCommand } from './explain.ts'
import { commandWithExamples, programName } from './help.ts'
import { type OutputFlags, printResult, withOutputFormat } from './output.ts'
import { openOwnerClient } from './owner-client.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

export function gcCommand(terminal: Terminal): Command {
  const program = programName()
  return commandWithExamples('gc', 'tell how collection stands', [
    { command: `${program} gc status`, effect: 'what waits, what is on its way out, and what holds it up' },
    { command: `${program} gc status --format json config.yml`, effect: 'the same for programs' },
  ])
    .addCommand(statusCommand(terminal))
    .addCommand(explainCommand(terminal, 'gc explain'))
}

function statusCommand(terminal: Terminal): Command {
  const program = programName()
  return withOutputFormat(
    withServerArguments(
      commandWithExamples('status', 'tell what collection has before it, and why it waits where it does', [
        { command: `${program} gc status --data /srv/registry`, effect: 'of the registry in this folder' },
      ]),
    ),
  ).action((file: string | undefined, flags: ServerFlags & OutputFlags) => tellStatus(terminal, file, flags))
}

type Status = CollectionStatus & { readonly jobs: readonly JobState[] }

async function tellStatus(
  terminal: Terminal,
  file: string | undefined,
  flags: ServerFlags & OutputFlags,
): Promise<void> {
  const { config } = await loadServerConfig(terminal, file, flags)
  await using owner = await openOwnerClient(terminal, config, { deletes: false })
  const status = (await owner.ask('GET', '/api/v1/gc')) as Status
  printResult(terminal, flags, status, () => describeStatus(status, Date.now()))
}

/** In lines for people. `now` in milliseconds since 1970. */
export function describeStatus(status: Status, now: number): string[] {
  const { reviews, condemned, deleting, heldBy, jobs } = status
  const next = reviews.nextDueAt === null ? '' : `, the next one ${formatWhen(reviews.nextDueAt, now)}`
  return [
    `To be looked at: ${reviews.waiting} (${reviews.due} now${next})`,
    `Condemned: ${condemned.blobs} blobs, ${formatBytes(condemned.bytes)}`,
    `Being deleted: ${deleting.blobs} blobs, ${formatBytes(deleting.bytes)}`,
    ...jobs.map((job) => describeJob(job, now)),
    heldBy === null ? 'Nothing holds collection up.' : `Nothing is collected now. ${heldBy}`,
  ]
}

function describeJob(
  { name, succeededAt, failures, failingSince, lastError }: JobState,
  now: number,
): string {
  const last = succeededAt === null ? 'has not run yet' : `ran last ${formatWhen(succeededAt, now)}`
  if (failures === 0 || failingSince === null) return `Job ${name}: ${last}`
  return `Job ${name}: ${last}; failing since ${formatWhen(failingSince, now)}: ${lastError}`
}
