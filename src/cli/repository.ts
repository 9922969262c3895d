/** `berth repository`: deleting a whole repository, into the trash. */
import type { Command } from 'commander'
import { formatWhen } from './amounts.ts'
import { commandWithExamples, programName } from './help.ts'
import { type OutputFlags, printResult, withOutputFormat } from './output.ts'
import { openOwnerClient } from './owner-client.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

type Flags = ServerFlags & OutputFlags

export function repositoryCommand(terminal: Terminal): Command {
  const program = programName()
  return commandWithExamples('repository', 'delete a repository, into the trash', [
    { command: `${program} repository delete team/app`, effect: 'with all its tags and images' },
    { command: `${program} trash list --repository team/app`, effect: 'how it can be taken back' },
  ]).addCommand(deleteCommand(terminal))
}

interface Deleted {
  /** The deletion's number. */
  readonly trash: number
  /** Milliseconds. */
  readonly keptFor: number
}

function deleteCommand(terminal: Terminal): Command {
  const program = programName()
  const command = commandWithExamples(
    'delete',
    'delete a repository with all its tags and images, into the trash',
    [
      {
        command: `${program} repository delete team/app`,
        effect: 'its blobs stay for as long as the trash keeps it',
      },
    ],
  ).argument('<repository>', 'its name, without the address of the registry')
  return withOutputFormat(withServerArguments(command)).action(
    async (repository: string, file: string | undefined, flags: Flags) => {
      const { config } = await loadServerConfig(terminal, file, flags)
      await using owner = await openOwnerClient(terminal, config, { deletes: false })
      const deleted = (await owner.ask('POST', '/api/v1/repositories/delete', { repository })) as Deleted
      printResult(terminal, flags, deleted, () => describeDeleted(repository, deleted))
    },
  )
}

/** In lines for people. */
export function describeDeleted(repository: string, { trash, keptFor }: Deleted): string[] {
  return [
    `${repository} is deleted. It goes for good ${formatWhen(keptFor, 0)}; until then it comes back with`,
    `berth trash restore ${trash}`,
  ]
}
