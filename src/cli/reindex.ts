/** `berth reindex`: builds the database anew from the images' folder, for when it was lost or is damaged. */
import type { Command } from 'commander'
import { EXIT } from './failure.ts'
import { commandWithExamples, programName } from './help.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import { openServerLog } from './server-log.ts'
import type { Terminal } from './terminal.ts'

export function reindexCommand(terminal: Terminal): Command {
  const program = programName()
  return withServerArguments(
    commandWithExamples('reindex', 'build the database anew from the images', [
      { command: `${program} reindex --data /srv/registry`, effect: 'while no server runs on the folder' },
      { command: `${program} reindex config.yml`, effect: 'of the server that this file describes' },
    ]),
  ).action((file: string | undefined, flags: ServerFlags) => reindexFolder(terminal, file, flags))
}

async function reindexFolder(
  terminal: Terminal,
  file: string | undefined,
  flags: ServerFlags,
): Promise<void> {
  const { config } = await loadServerConfig(terminal, file, flags)
  const { reindex } = await import('../app/reindex.ts')
  const { ProgressTeller } = await import('../app/progress.ts')
  const { log, draw, close } = openServerLog(config.log, terminal, 'one process')
  const progress = new ProgressTeller({ log, draw })
  const { repositories, changes, errors, findings, aside } = await reindex({
    config,
    log,
    onProgress: (made) => progress.tell(made),
    onError: (error) => log.error({ error }, 'a repository is in error'),
  }).finally(() => progress.end())
  await close()
  if (aside !== null)
    terminal.note(`The database was damaged. It was put aside as ${aside}, accounts and all.\n`)
  for (const finding of findings) terminal.note(`${finding}\n`)
  terminal.print(
    `The database knows ${repositories} repositories again (${changes} manifests, blobs and tags).\n`,
  )
  if (errors === 0) return
  terminal.note(`${errors} repositories could not be read: the next server looks at them again.\n`)
  process.exitCode = EXIT.FAILED
}
