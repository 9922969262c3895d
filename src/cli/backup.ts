/** `berth backup`: the whole registry into a folder, while it runs. */
import { type Command, InvalidArgumentError } from 'commander'
import type { BackedUp } from '../registry/backup/back-up.ts'
import { formatBytes } from './amounts.ts'
import { BlobProgress } from './blob-progress.ts'
import { EXIT } from './failure.ts'
import { commandWithExamples, programName } from './help.ts'
import { type OutputFlags, printResult, withOutputFormat } from './output.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

interface BackupFlags extends ServerFlags, OutputFlags {
  readonly keep?: number
  readonly verify?: boolean
}

export function backupCommand(terminal: Terminal): Command {
  const program = programName()
  const command = commandWithExamples(
    'backup',
    'copy the whole registry into a folder, while it runs: again and again, for only what is new is copied',
    [
      {
        command: `${program} backup /mnt/backup config.yml`,
        effect: 'of the server that this file describes',
      },
      { command: `${program} backup /mnt/backup --keep 14`, effect: 'and keep the newest 14 points in time' },
    ],
  ).argument('<directory>', 'where backups lie: empty, new, or of earlier runs')
  return withOutputFormat(withServerArguments(command))
    .option('--keep <points>', 'remove points in time but for so many of the newest', wholeNumber)
    .option('--verify', 'read also what the backup has already, and copy again what is damaged')
    .action((directory: string, file: string | undefined, flags: BackupFlags) =>
      backUpRegistry(terminal, directory, file, flags),
    )
}

async function backUpRegistry(
  terminal: Terminal,
  directory: string,
  file: string | undefined,
  flags: BackupFlags,
): Promise<void> {
  const { config } = await loadServerConfig(terminal, file, flags)
  const { backUp } = await import('../app/backup.ts')
  const progress = new BlobProgress(terminal, 'in the backup')
  const made = await backUp({
    config,
    directory,
    keep: flags.keep ?? null,
    isDeep: flags.verify === true,
    onProgress: (now) => progress.tell(now),
    signal: new AbortController().signal,
  }).finally(() => progress.end())
  printResult(terminal, flags, made, () => describe(made))
  if (made.point.lacking > 0) process.exitCode = EXIT.FAILED
}

function describe({ point, copied, pruned }: BackedUp): string[] {
  const { name, blobs, bytes, lacking, lacks } = point
  return [
    `The registry of ${name} is in the backup: ${blobs} blobs (${formatBytes(bytes)}), of which ${copied.blobs} ` +
      `(${formatBytes(copied.bytes)}) were new.`,
    ...(pruned.points.length === 0
      ? []
      : [
          `Removed: ${pruned.points.length} older points in time, and ${pruned.blobs} blobs (${formatBytes(pruned.bytes)}) that no other needs.`,
        ]),
    ...(lacking === 0
      ? []
      : [
          `${lacking} blobs are not in it, for the registry itself has them no more, or damaged. "berth verify" tells which images they break:`,
          ...lacks.map(({ digest, why }) => `  ${digest} ${why}`),
        ]),
  ]
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Write a whole number, from 1 on.')
}
