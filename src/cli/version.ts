/** `berth version`: which program this is, in lines that a bug report can carry. */
import { Command } from 'commander'
import { VERSION } from '../app/version.ts'
import type { Terminal } from './terminal.ts'

/** Set by the build; source has none. */
declare const BERTH_COMMIT: string | undefined

export function versionCommand(terminal: Terminal): Command {
  return new Command('version')
    .description('print which program this is')
    .action(() => terminal.print(`${describeVersion().join('\n')}\n`))
}

function describeVersion(): string[] {
  const commit = typeof BERTH_COMMIT === 'string' ? BERTH_COMMIT : null
  return [
    `berth ${VERSION}`,
    ...(commit === null ? [] : [`commit ${commit}`]),
    `bun ${Bun.version}`,
    `${process.platform} ${process.arch}`,
  ]
}
