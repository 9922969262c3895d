/** What a command line says about the server: the same arguments and flags for whatever starts it or asks about it. */
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { USUAL_FILES } from '../config/file.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { CONFIG_FILE_VARIABLE } from '../config/variables.ts'
import { calledAs } from './called-as.ts'
import { EXIT, Failure } from './failure.ts'
import type { Terminal } from './terminal.ts'

export interface ServerFlags {
  readonly addr?: string
  readonly data?: string
  readonly config?: string
  readonly tls?: string
}

/** Adds them to a command, whose action then gets the file and the flags. */
export function withServerArguments(command: Command): Command {
  return command
    .argument('[config]', 'configuration file (also REGISTRY_CONFIGURATION_PATH)')
    .option('--addr <host:port>', 'where to listen (also REGISTRY_HTTP_ADDR)')
    .option('--data <folder>', 'where images are kept (also REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY)')
    .option('-c, --config <file>', 'configuration file')
    .option('--tls <auto>', 'auto: with a certificate that it makes for this machine (also BERTH_TLS)')
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
    file: file ?? flags.config ?? findUsualFile(terminal),
    environment: terminal.environment,
    flags: { addr: flags.addr ?? null, data: flags.data ?? null, tls: flags.tls ?? null },
    isTerminal: terminal.isInteractive,
  })
}

/**
 * Called `registry` and told nothing, it reads what registry:3 or registry:2 would have been told to read. As `berth`
 * it does not: a file that a package of another registry left behind is no wish of whoever tries `berth serve`.
 */
function findUsualFile({ environment }: Terminal): string | null {
  if (calledAs(process.argv0) !== 'registry' || (environment[CONFIG_FILE_VARIABLE] ?? '') !== '') return null
  return USUAL_FILES.find((file) => existsSync(file)) ?? null
}
