/**
 * `berth gc run`: collects now, without waiting for any grace, beside the server that runs or here where none does. What
 * is in the trash stays, and so does what a push has just named. The exit code is 0 also where there was nothing to do.
 */
import type { Command } from 'commander'
import type { CollectCursor, Collected, CollectPage } from '../registry/gc/collect.ts'
import { formatBytes } from './amounts.ts'
import { commandWithExamples, programName } from './help.ts'
import { type OutputFlags, printResult, withOutputFormat } from './output.ts'
import { type OwnerClient, openOwnerClient } from './owner-client.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

type RunFlags = ServerFlags & OutputFlags

export function gcRunCommand(terminal: Terminal): Command {
  const program = programName()
  const command = commandWithExamples('run', 'collect now, without waiting for any grace', [
    {
      command: `${program} gc run --data /srv/registry`,
      effect: 'beside the server on this folder, or without one',
    },
    { command: `${program} gc run --format json config.yml`, effect: 'what was done, for programs' },
  ])
  return withOutputFormat(withServerArguments(command)).action((file: string | undefined, flags: RunFlags) =>
    run(terminal, file, flags),
  )
}

async function run(terminal: Terminal, file: string | undefined, flags: RunFlags): Promise<void> {
  const { config } = await loadServerConfig(terminal, file, flags)
  await using owner = await openOwnerClient(terminal, config, { deletes: true })
  const collected = await collectAll(owner, (all) => terminal.draw?.(describeProgress(all)))
  terminal.draw?.('')
  printResult(terminal, flags, collected, () => describeRun(collected))
}

/** Until nothing more can be collected now. */
export async function collectAll(
  owner: OwnerClient,
  onProgress: (all: Collected) => void = () => {},
): Promise<Collected> {
  const all = { reviewed: 0, condemned: 0, unlinked: 0, deleted: 0, freedBytes: 0 }
  for (let cursor: CollectCursor | null = null; ; ) {
    const page = (await owner.ask('POST', '/api/v1/gc/run', { cursor })) as CollectPage
    for (const key of Object.keys(all) as (keyof Collected)[]) all[key] += page[key]
    onProgress(all)
    if (page.next === null) return all
    cursor = page.next
  }
}

function describeProgress({ reviewed, deleted, freedBytes }: Collected): string {
  return `${reviewed} looked at, ${deleted} deleted, ${formatBytes(freedBytes)} freed`
}

/** In lines for people. */
export function describeRun({ reviewed, unlinked, deleted, freedBytes }: Collected): string[] {
  return [
    `Looked at ${reviewed} blobs, and dropped ${unlinked} links that no image uses.`,
    `Deleted ${deleted} blobs; ${formatBytes(freedBytes)} are free.`,
    'Beside a server, what was deleted lies aside for a while before its space is free: see gc status.',
  ]
}
