/** `berth reindex`: builds the database anew from the images' folder, for when it was lost or is damaged. */
import type { Command } from 'commander'
import type { Reindexed, ReindexOptions } from '../app/reindex.ts'
import { shellWord } from '../lib/shell-word.ts'
import { EXIT } from './failure.ts'
import { commandWithExamples, programName } from './help.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import { openServerLog } from './server-log.ts'
import type { Terminal } from './terminal.ts'

interface ReindexFlags extends ServerFlags {
  readonly withBackup?: boolean
  readonly backup?: string
}

export function reindexCommand(terminal: Terminal): Command {
  const program = programName()
  return withServerArguments(
    commandWithExamples('reindex', 'build the database anew from the images', [
      { command: `${program} reindex --data /srv/registry`, effect: 'while no server runs on the folder' },
      { command: `${program} reindex config.yml`, effect: 'of the server that this file describes' },
      {
        command: `${program} reindex --with-backup config.yml`,
        effect: 'with what images cannot tell from the newest backup',
      },
    ]),
  )
    .option('--with-backup', 'begin with the newest backup of the metadata')
    .option('--backup <file>', 'begin with this backup of the metadata')
    .action((file: string | undefined, flags: ReindexFlags) => reindexFolder(terminal, file, flags))
}

async function reindexFolder(
  terminal: Terminal,
  file: string | undefined,
  flags: ReindexFlags,
): Promise<void> {
  const { config } = await loadServerConfig(terminal, file, flags)
  const { reindex } = await import('../app/reindex.ts')
  const { ProgressTeller } = await import('../app/progress.ts')
  const { log, draw, close } = openServerLog(config.log, terminal, 'one process')
  const progress = new ProgressTeller({ log, draw })
  const reindexed = await reindex({
    config,
    log,
    backup: backupOf(flags),
    onProgress: (made) => progress.tell(made),
    onError: (error) => log.error({ error }, 'a repository is in error'),
  }).finally(() => progress.end())
  await close()
  for (const sentence of beside(reindexed)) terminal.note(`${sentence}\n`)
  const { repositories, changes, errors, restored } = reindexed
  terminal.print(
    restored === null
      ? `The database knows ${repositories} repositories again (${changes} manifests, blobs and tags).\n`
      : `The database is that of ${timeOf(restored.head.madeAt)} again, with ${repositories} repositories as the images ` +
          `have them now (${changes} manifests, blobs and tags had changed since).\n`,
  )
  if (errors === 0) return
  terminal.note(`${errors} repositories could not be read: the next server looks at them again.\n`)
  process.exitCode = EXIT.FAILED
}

function backupOf({ backup, withBackup }: ReindexFlags): ReindexOptions['backup'] {
  if (backup !== undefined) return { path: backup }
  return withBackup === true ? 'newest' : null
}

/** What else whoever runs it should know. */
function beside({ aside, findings, restored, unused }: Reindexed): string[] {
  const put =
    restored === null
      ? 'The database was damaged. It was put aside as'
      : 'What there was of a database lies in'
  return [
    ...(aside === null ? [] : [`${put} ${aside}, accounts and all.`]),
    ...(restored?.damaged ?? []),
    ...(restored === null ? [] : lostBlobs(restored)),
    ...findings,
    ...(unused === null ? [] : [hint(unused)]),
  ]
}

function lostBlobs({ lost, brokenInTrash }: NonNullable<Reindexed['restored']>): string[] {
  if (lost === 0) return []
  const trash =
    brokenInTrash.length === 0
      ? 'Nothing in the trash needs them.'
      : `What needs them cannot be restored from the trash: ${brokenInTrash.join(', ')}.`
  return [`Of the blobs that the backup knows, ${lost} are gone since. ${trash}`]
}

function hint({ folder, file, head }: NonNullable<Reindexed['unused']>): string {
  return (
    `Accounts, rights, the trash and the history of tags stand in no image. A backup of ${timeOf(head.madeAt)} has them: ` +
    `run reindex once more with --backup ${shellWord(`${folder.path}/${file}`)}.`
  )
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
