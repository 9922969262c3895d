/** `berth gc`: what becomes of content that nothing needs any more. */
import type { Command } from 'commander'
import { explainCommand } from './explain.ts'
import { gcRunCommand } from './gc-run.ts'
import { gcStatusCommand } from './gc-status.ts'
import { commandWithExamples, programName } from './help.ts'
import type { Terminal } from './terminal.ts'

export function gcCommand(terminal: Terminal): Command {
  const program = programName()
  return commandWithExamples('gc', 'look after what no image needs any more', [
    { command: `${program} gc status`, effect: 'what waits, what is on its way out, and what holds it up' },
    { command: `${program} gc run`, effect: 'collect now, without waiting for any grace' },
    { command: `${program} gc explain sha256:…`, effect: 'why this blob is still here' },
  ])
    .addCommand(gcStatusCommand(terminal))
    .addCommand(gcRunCommand(terminal))
    .addCommand(explainCommand(terminal, 'gc explain'))
}
