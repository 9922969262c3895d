/** `berth restore`: the whole registry back from a folder of backups, into an empty data folder. */
import type { Command } from 'commander'
import type { Checked, Restored } from '../app/restore.ts'
import type { Point } from '../registry/backup/points.ts'
import type { Lacking } from '../registry/backup/restore-blobs.ts'
import { formatBytes } from './amounts.ts'
import { BlobProgress } from './blob-progress.ts'
import { EXIT } from './failure.ts'
import { commandWithExamples, programName } from './help.ts'
import { type OutputFlags, printResult, withOutputFormat } from './output.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

interface RestoreFlags extends ServerFlags, OutputFlags {
  readonly at?: string
  readonly list?: boolean
  readonly check?: boolean
}

export function restoreCommand(terminal: Terminal): Command {
  const program = programName()
  const command = commandWithExamples('restore', 'bring a registry back that "backup" has copied', [
    { command: `${program} restore /mnt/backup --data /srv/new`, effect: 'the newest, into an empty folder' },
    { command: `${program} restore /mnt/backup --list`, effect: 'which points in time there are' },
    { command: `${program} restore /mnt/backup --at 2026-11-28 config.yml`, effect: 'one of them' },
    {
      command: `${program} restore /mnt/backup --check`,
      effect: 'only read it whole, and tell what is damaged',
    },
  ]).argument('<directory>', 'where backups lie')
  return withOutputFormat(withServerArguments(command))
    .option('--at <time>', 'the point in time whose name begins so; the newest unless told')
    .option('--list', 'tell which points in time there are')
    .option('--check', 'read the backup whole, and restore nothing')
    .action((directory: string, file: string | undefined, flags: RestoreFlags) => {
      if (flags.list === true) return tellPoints(terminal, directory, flags)
      if (flags.check === true) return check(terminal, directory, flags)
      return restoreRegistry(terminal, directory, file, flags)
    })
}

async function restoreRegistry(
  terminal: Terminal,
  directory: string,
  file: string | undefined,
  flags: RestoreFlags,
): Promise<void> {
  const { config } = await loadServerConfig(terminal, file, flags)
  const { restore } = await import('../app/restore.ts')
  const progress = new BlobProgress(terminal, 'restored')
  const restored = await restore({
    config,
    directory,
    at: flags.at ?? null,
    onProgress: (now) => progress.tell(now),
  }).finally(() => progress.end())
  printResult(terminal, flags, restored, () => describeRestored(restored))
  if (restored.lacking > 0) process.exitCode = EXIT.FAILED
}

function describeRestored({ point, counts, ...lacking }: Restored): string[] {
  return [
    `The registry is that of ${point.name} again: ${counts['repositories'] ?? 0} repositories, ` +
      `${counts['tags'] ?? 0} tags, ${counts['manifests'] ?? 0} manifests, ${point.blobs - lacking.lacking} blobs ` +
      `(${formatBytes(point.bytes)}). Start Berth with the same settings.`,
    ...describeLacks(lacking),
  ]
}

function describeLacks({ lacking, lacks }: Lacking): string[] {
  if (lacking === 0) return []
  return [
    `${lacking} blobs are not in the backup as they should be; they are as if they had never been pushed:`,
    ...lacks.map(({ digest, why }) => `  ${digest} ${why}`),
  ]
}

async function tellPoints(terminal: Terminal, directory: string, flags: RestoreFlags): Promise<void> {
  const { listBackups } = await import('../app/restore.ts')
  const points = await listBackups(directory)
  printResult(terminal, flags, points, () => (points.length === 0 ? ['There are none.'] : points.map(line)))
}

function line({ name, blobs, bytes, lacking }: Point): string {
  const whole = lacking === 0 ? '' : `, without ${lacking} that the registry itself had no more`
  return `${name}  ${blobs} blobs, ${formatBytes(bytes)}${whole}`
}

async function check(terminal: Terminal, directory: string, flags: RestoreFlags): Promise<void> {
  const { checkBackup } = await import('../app/restore.ts')
  const progress = new BlobProgress(terminal, 'read')
  const checked = await checkBackup({
    directory,
    at: flags.at ?? null,
    onProgress: (now) => progress.tell(now),
  }).finally(() => progress.end())
  printResult(terminal, flags, checked, () => describeChecked(checked))
  if (checked.lacking > 0 || checked.metadata !== null) process.exitCode = EXIT.FAILED
}

function describeChecked({ point, metadata, ...lacking }: Checked): string[] {
  const isWhole = metadata === null && lacking.lacking === 0
  return [
    isWhole
      ? `The backup of ${point.name} is whole: its metadata, and ${point.blobs} blobs (${formatBytes(point.bytes)}).`
      : `The backup of ${point.name} is not whole.`,
    ...(metadata === null ? [] : [`Its metadata is damaged. ${metadata}`]),
    ...describeLacks(lacking),
  ]
}
