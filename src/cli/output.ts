/** How a command tells what it found: lines for people, or one JSON object for programs. */
import { type Command, Option } from 'commander'
import type { Terminal } from './terminal.ts'

export interface OutputFlags {
  readonly format?: 'text' | 'json'
}

export function withOutputFormat(command: Command): Command {
  return command.addOption(
    new Option('--format <format>', 'for people or for programs').choices(['text', 'json']).default('text'),
  )
}

/** `lines` are for people. */
export function printResult(
  terminal: Terminal,
  { format }: OutputFlags,
  result: unknown,
  lines: () => readonly string[],
): void {
  terminal.print(format === 'json' ? `${JSON.stringify(result, null, 2)}\n` : `${lines().join('\n')}\n`)
}
