/** `berth config`: whether the settings can be used, what holds and why, and their schema for editors. */
import { Command } from 'commander'
import { settingsJsonSchema } from '../config/json-schema.ts'
import { type ShownSetting, showSettings } from '../config/show.ts'
import { commandWithExamples, programName } from './help.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

interface ShowFlags extends ServerFlags {
  readonly origin?: true
}

export function configCommand(terminal: Terminal): Command {
  const command = new Command('config').summary('check and show the settings')
  command.addCommand(validateCommand(terminal))
  command.addCommand(showCommand(terminal))
  command.addCommand(schemaCommand(terminal))
  return command
}

function validateCommand(terminal: Terminal): Command {
  const program = programName()
  return withServerArguments(
    commandWithExamples('validate', 'say whether a registry could start with these settings', [
      { command: `${program} config validate config.yml`, effect: 'with the variables that are set here' },
    ]),
  ).action((file: string | undefined, flags: ServerFlags) => validate(terminal, file, flags))
}

/** Throws ConfigError with every problem, which ends the program with exit code 3. */
async function validate(terminal: Terminal, file: string | undefined, flags: ServerFlags): Promise<void> {
  const loaded = await loadServerConfig(terminal, file, flags)
  for (const warning of loaded.warnings) terminal.print(`warning: ${warning}\n`)
  for (const notice of loaded.notices) terminal.print(`note: ${notice}\n`)
  terminal.print(`${loaded.file ?? 'These settings'} can be used.\n`)
}

function showCommand(terminal: Terminal): Command {
  const program = programName()
  return withServerArguments(
    commandWithExamples('show', 'show every setting that holds', [
      { command: `${program} config show config.yml`, effect: 'the file, the variables and the defaults' },
      { command: `${program} config show --origin config.yml`, effect: 'and where each value comes from' },
    ]),
  )
    .option('--origin', 'also where each value comes from')
    .action((file: string | undefined, flags: ShowFlags) => show(terminal, file, flags))
}

async function show(terminal: Terminal, file: string | undefined, flags: ShowFlags): Promise<void> {
  const settings = showSettings(await loadServerConfig(terminal, file, flags))
  terminal.print(formatSettings(settings, flags.origin === true))
}

/** A line for each setting, in columns. */
function formatSettings(settings: readonly ShownSetting[], withOrigin: boolean): string {
  const width = Math.max(...settings.map(({ name }) => name.length))
  const valueWidth = Math.min(40, Math.max(...settings.map(({ value }) => value.length)))
  const lines = settings.map(({ name, value, origin }) =>
    withOrigin
      ? `${name.padEnd(width)}  ${value.padEnd(valueWidth)}  ${origin}`
      : `${name.padEnd(width)}  ${value}`,
  )
  return lines.map((line) => `${line}\n`).join('')
}

function schemaCommand(terminal: Terminal): Command {
  const program = programName()
  return commandWithExamples('schema', 'print the JSON Schema of the settings, for editors', [
    {
      command: `${program} config schema > berth.schema.json`,
      effect: 'then begin the file with: # yaml-language-server: $schema=berth.schema.json',
    },
  ]).action(() => terminal.print(`${JSON.stringify(settingsJsonSchema(), null, 2)}\n`))
}
