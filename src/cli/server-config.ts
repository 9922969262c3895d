/** What a command line says about the server: the same arguments and flags for whatever starts it or asks about it. */
import type { Command } from 'commander'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { EXIT, Failure } from './failure.ts'
import type { Terminal } from './terminal.ts'

export interface ServerFlags {
  readonly addr?: string
  readonly data?: string
  readonly config?: string
}

/** Adds them to a command, whose action then gets the file and the flags. */
export function withServerArguments(command: Command): Command {
  return command
    .argument('[config]', 'configuration file (also REGISTRY_CONFIGURATION_PATH)')
    .option('--addr <host:port>', 'where to listen (also REGISTRY_HTTP_ADDR)')
    .option('--data <folder>', 'where images are kept (also REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY)')
    .option('-c, --config <file>', 'configuration file')
}

/** Throws Failure, ConfigError. */
export function loadServerConfig(
  terminal: Terminal,
  file: string | undefined,
  flags: ServerFlags,
): Promise<LoadedConfig> {
  if (file !== undefined && flags.config !== undefined) {
    throw new Failure(EXIT.USAGE, `Two configuration files are named, ${file} and ${flags.config}. Name one.`)
  }
  return loadConfig({
    file: file ?? flags.config ?? null,
    environment: terminal.environment,
    flags: { addr: flags.addr ?? null, data: flags.data ?? null },
    isTerminal: terminal.isInteractive,
  })
}
