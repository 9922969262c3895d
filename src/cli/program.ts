/** The command line: which commands there are, and what happens when one fails. */
import { Command, CommanderError } from 'commander'
import { backupCommand } from './backup.ts'
import { calledAs, versionLine, withCommand } from './called-as.ts'
import { configCommand } from './config.ts'
import { dataOwnerCommand } from './data-owner.ts'
import { demoCommand } from './demo.ts'
import { explainCommand } from './explain.ts'
import { EXIT, explain, formatFailure } from './failure.ts'
import { garbageCollectCommand } from './garbage-collect.ts'
import { gcCommand } from './gc.ts'
import { withPlainFlags } from './go-flags.ts'
import { healthcheckCommand } from './healthcheck.ts'
import { formatExamples, programName } from './help.ts'
import { htpasswdCommand } from './htpasswd.ts'
import { reindexCommand } from './reindex.ts'
import { repositoryCommand } from './repository.ts'
import { restoreCommand } from './restore.ts'
import { serveCommand } from './serve.ts'
import { tagCommand } from './tag.ts'
import { openTerminal, type Terminal } from './terminal.ts'
import { trashCommand } from './trash.ts'
import { usageCommand } from './usage.ts'
import { verifyCommand } from './verify.ts'
import { versionCommand } from './version.ts'

/** Runs one command and ends the process with its exit code, unless the command goes on serving. */
export async function runCli(args: readonly string[]): Promise<void> {
  const terminal = openTerminal()
  try {
    const program = createProgram(terminal)
    await program.parseAsync(plainArguments(program, withCommand(args)), { from: 'user' })
  } catch (error) {
    process.exitCode = report(terminal, error)
    if (process.exitCode !== EXIT.OK) process.exit()
  }
}

/** The flags of one command, in whichever form a script for `registry` has them. */
function plainArguments(program: Command, [name = '', ...rest]: readonly string[]): string[] {
  const command = program.commands.find((each) => each.name() === name)
  return [name, ...(command === undefined ? rest : withPlainFlags(rest, command))]
}

function createProgram(terminal: Terminal): Command {
  const name = programName()
  const examples = [
    { command: `${name} serve`, effect: 'start the registry on port 5000' },
    { command: `${name} demo`, effect: 'push a tiny image to it, without any other tool' },
    { command: `${name} serve --help`, effect: 'more about one command' },
  ]
  const own = calledAs(process.argv0)
  const program = new Command(own)
    .addHelpText('before', `Berth, a container registry.\n\nExamples:\n${formatExamples(examples)}\n`)
    .version(versionLine(own), '-v, --version')
  program.addCommand(serveCommand(terminal))
  program.addCommand(backupCommand(terminal))
  program.addCommand(configCommand(terminal))
  program.addCommand(demoCommand(terminal))
  program.addCommand(explainCommand(terminal))
  program.addCommand(garbageCollectCommand(terminal))
  program.addCommand(gcCommand(terminal))
  program.addCommand(healthcheckCommand(terminal))
  program.addCommand(htpasswdCommand(terminal))
  program.addCommand(reindexCommand(terminal))
  program.addCommand(repositoryCommand(terminal))
  program.addCommand(tagCommand(terminal))
  program.addCommand(trashCommand(terminal))
  program.addCommand(usageCommand(terminal))
  program.addCommand(verifyCommand(terminal))
  program.addCommand(restoreCommand(terminal))
  program.addCommand(versionCommand(terminal))
  program.addCommand(dataOwnerCommand(terminal), { hidden: true })
  for (const command of withSubcommands(program)) command.exitOverride().showSuggestionAfterError()
  return program
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)]
}

/** Says what went wrong, once, and gives the exit code. Commander has already said what it found. */
function report(terminal: Terminal, error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.OK : EXIT.USAGE
  const failure = explain(error)
  terminal.note(formatFailure(failure, { withStack: terminal.environment['REGISTRY_LOG_LEVEL'] === 'debug' }))
  return failure.exitCode
}
