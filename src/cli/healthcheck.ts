/**
 * `berth healthcheck`: asks the registry that the settings describe whether it is ready, by TCP or a Unix socket,
 * with TLS or without. The image's HEALTHCHECK runs it: the image has no curl, and would not know whom to ask.
 */
import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { Config, ListenAddress, TlsConfig } from '../config/config.ts'
import { formatAddress, reachableHere } from '../http/address.ts'
import { codeOf } from '../lib/thrown.ts'
import { EXIT, Failure } from './failure.ts'
import { commandWithExamples, programName } from './help.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

/** Less than the 30 s after which Docker gives up by itself. */
const PATIENCE_MILLISECONDS = 10_000
const READY_PATH = '/readyz'

export function healthcheckCommand(terminal: Terminal): Command {
  const program = programName()
  return withServerArguments(
    commandWithExamples('healthcheck', 'ask a running registry whether it is ready', [
      { command: `${program} healthcheck`, effect: 'in a container: ask the registry that runs in it' },
      { command: `${program} healthcheck config.yml`, effect: 'ask the one that this file describes' },
      { command: `${program} healthcheck --addr 127.0.0.1:5001`, effect: 'ask the one at this address' },
    ]),
  ).action((file: string | undefined, flags: ServerFlags) => healthcheck(terminal, file, flags))
}

async function healthcheck(terminal: Terminal, file: string | undefined, flags: ServerFlags): Promise<void> {
  const asked =
    file === undefined && Object.keys(flags).length === 0 ? await ofThisContainer() : { file, flags }
  const { config } = await loadServerConfig(terminal, asked.file, asked.flags)
  terminal.print(await askReadiness(config))
}

interface ServerArguments {
  readonly file: string | undefined
  readonly flags: ServerFlags
}

/**
 * With what the first process of this container was told to serve: Docker runs a health check beside it, with its
 * environment but without its arguments.
 */
async function ofThisContainer(): Promise<ServerArguments> {
  const commandLine = await readFile('/proc/1/cmdline', 'utf8').catch(() => '')
  return findServerArguments(commandLine.split('\0').filter((argument) => argument !== ''))
}

/** What stands behind `serve`, or from a lone configuration file on; nothing where neither is there. */
export function findServerArguments(commandLine: readonly string[]): ServerArguments {
  const serve = commandLine.indexOf('serve')
  const file = commandLine.findIndex((argument) => /\.ya?ml$/.test(argument))
  const start = serve >= 0 ? serve + 1 : file
  if (start < 0) return { file: undefined, flags: {} }
  const command = withServerArguments(new Command()).allowUnknownOption().allowExcessArguments()
  command.parse(commandLine.slice(start), { from: 'user' })
  return {
    file: command.args.find((argument) => !argument.startsWith('-')),
    flags: command.opts<ServerFlags>(),
  }
}

/** What of the settings says whom to ask. */
interface AskedServer {
  readonly http: Pick<Config['http'], 'address' | 'tls'>
}

/** Gives what the registry says of itself. Throws Failure with exit code 1, which Docker takes for unhealthy. */
export async function askReadiness({ http }: AskedServer): Promise<string> {
  const place = formatAddress(http.address)
  const response = await ask(http.address, http.tls).catch((error: Error) => {
    throw new Failure(EXIT.FAILED, `No answer from the registry at ${place}: ${error.message}`)
  })
  if (response === 'refuses strangers') return 'ready, and takes nobody without a client certificate\n'
  const text = await response.text()
  if (response.ok) return text
  throw new Failure(EXIT.FAILED, `The registry at ${place} answers ${response.status}: ${text.trim()}`)
}

async function ask(address: ListenAddress, tls: TlsConfig | null): Promise<Response | 'refuses strangers'> {
  const scheme = tls === null ? 'http' : 'https'
  const host = address.kind === 'unix' ? 'localhost' : formatAddress(reachableHere(address))
  try {
    return await fetch(`${scheme}://${host}${READY_PATH}`, {
      ...(address.kind === 'unix' ? { unix: address.path } : {}),
      redirect: 'manual',
      headers: { 'user-agent': 'berth-healthcheck' },
      // It asks itself, by an address that stands in no certificate.
      tls: { rejectUnauthorized: false },
      signal: AbortSignal.timeout(PATIENCE_MILLISECONDS),
    })
  } catch (error) {
    if (demandsCertificate(tls) && isAlert(error)) return 'refuses strangers'
    throw error
  }
}

function demandsCertificate(tls: TlsConfig | null): boolean {
  return tls?.kind === 'files' && tls.client?.mode === 'require'
}

/** The server has answered, though only to break the handshake off. */
function isAlert(error: unknown): boolean {
  return codeOf(error) === 'EPROTO'
}
