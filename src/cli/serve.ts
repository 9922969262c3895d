/** `berth serve`: reads the settings, starts the server, says where it is, and stops it when asked to. */
import { constants } from 'node:os'
import type { Command } from 'commander'
import { prepareAccess } from '../app/access.ts'
import { checkCertificates } from '../app/certificates.ts'
import { VERSION } from '../app/version.ts'
import type { Config } from '../config/config.ts'
import { formatAddress } from '../http/address.ts'
import type { Log } from '../observability/log.ts'
import { formatBanner } from './banner.ts'
import { describeUser } from './data-owner.ts'
import { EXIT } from './failure.ts'
import { commandWithExamples, programName } from './help.ts'
import { requireFreePort } from './port.ts'
import { lookAround, plainHttpHint } from './reach.ts'
import { listenForReload } from './reload.ts'
import { describeRights } from './rights.ts'
import { type RunningServer, runServer } from './run-server.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import { openServerLog, type ServerLog, withIdentity } from './server-log.ts'
import { listenForStop, type StopSignals } from './stop-signals.ts'
import type { Terminal } from './terminal.ts'
import { fetchCommand, findTrust, type Trust, trustSteps } from './trust.ts'

/** Beyond the grace time: for the last writes, and for the writer to close its database. */
const CLOSING_MILLISECONDS = 1500

export function serveCommand(terminal: Terminal): Command {
  const program = programName()
  return withServerArguments(
    commandWithExamples('serve', 'start the registry', [
      { command: `${program} serve`, effect: 'listen on port 5000, keep everything in ./data' },
      {
        command: `${program} serve --addr 127.0.0.1:5001`,
        effect: 'for this machine alone, on another port',
      },
      { command: `${program} serve --data /srv/registry`, effect: 'keep everything there' },
      {
        command: `${program} serve --tls auto`,
        effect: 'with TLS, by an authority that it makes for this machine',
      },
      { command: `${program} serve config.yml`, effect: "with a configuration file in registry:2's form" },
    ]),
  ).action((file: string | undefined, flags: ServerFlags) => serve(terminal, file, flags))
}

async function serve(terminal: Terminal, file: string | undefined, flags: ServerFlags): Promise<never> {
  const loaded = await loadServerConfig(terminal, file, flags)
  const { driver } = loaded.config.storage
  const root = driver.kind === 'filesystem' ? driver.root : null
  const address = await requireFreePort(loaded.config.http.address, root)
  const log = withIdentity(loaded.config.log)
  const config: Config = { ...loaded.config, http: { ...loaded.config.http, address }, log }
  const lines = openServerLog(log, terminal, config.workers > 1 ? 'several processes' : 'one process')
  if (loaded.file !== null) lines.log.info({}, `settings from ${loaded.file}, variables and flags`)
  for (const warning of loaded.warnings) lines.log.warn({}, warning)
  for (const notice of loaded.notices) lines.log.info({}, notice)
  const reloading = listenForReload({
    loaded,
    load: () => loadServerConfig(terminal, file, flags),
    log: lines.log,
    isTerminalGone: terminal.isGone,
  })
  const exitCode = await serveUntilStopped(terminal, config, lines, reloading.serve).finally(() =>
    lines.close(),
  )
  process.exit(exitCode)
}

async function serveUntilStopped(
  terminal: Terminal,
  config: Config,
  lines: ServerLog,
  onStarted: (server: RunningServer) => void,
): Promise<number> {
  const signals = listenForStop(terminal)
  await prepareAccess(config.auth, lines.log)
  checkCertificates(config.http.tls, lines.log)
  const server = await startUnlessStopped(config, signals, lines)
  if (typeof server === 'number') return server
  onStarted(server)
  await announce(terminal, config, server.url, lines.log)
  return await untilStopped(server, config, signals, lines.log)
}

/**
 * The server, or the exit code where it was stopped before it had started: nothing is in flight then. As the first
 * process of a container, Berth must end itself.
 */
async function startUnlessStopped(
  config: Config,
  signals: StopSignals,
  lines: ServerLog,
): Promise<RunningServer | number> {
  const starting = runServer(config, lines)
  const signal = await Promise.race([starting.then(() => null), signals.first])
  if (signal === null) return starting
  lines.log.info({}, `${signal}: stopped before it had started`)
  return exitCodeOf(signal)
}

async function announce(terminal: Terminal, config: Config, url: string, log: Log): Promise<void> {
  const { hasColor, isInteractive } = terminal
  const surroundings = lookAround()
  const trust = await findTrust(config, surroundings)
  const program = programName()
  // In a container with a terminal too: scripts wait for this line.
  log.info({}, `listening on ${formatAddress(config.http.address)}${config.http.tls === null ? '' : ', tls'}`)
  if (isInteractive && config.log.format === 'pretty') {
    terminal.print(formatBanner({ config, version: VERSION, url, hasColor, program, surroundings, trust }))
    return
  }
  const user = await describeUser(config.storage)
  if (user !== null) log.info({}, user)
  const { isOpen, sentence } = describeRights(config)
  if (isOpen) log.warn({}, `open to everyone who can reach this address: ${sentence}`)
  else log.info({}, sentence)
  const hint = plainHttpHint(config.http, surroundings, program)
  if (hint !== null) log.warn({}, hint)
  if (trust !== null) announceTrust(trust, log)
}

function announceTrust(trust: Trust, log: Log): void {
  log.info({ fingerprint: trust.fingerprint }, `clients must trust the authority in ${trust.path}`)
  for (const { title, command } of trustSteps(trust)) log.info({}, `to make ${title} trust it: ${command}`)
  log.info({}, `to fetch it on another machine, and compare its fingerprint: ${fetchCommand(trust)}`)
}

/** Resolves with the exit code when the server has stopped. */
async function untilStopped(
  server: RunningServer,
  config: Config,
  signals: StopSignals,
  log: Log,
): Promise<number> {
  const signal = await Promise.race([signals.first, server.broken])
  const seconds = config.shutdownGraceMilliseconds / 1000
  log.info(
    {},
    `${signal}: finishing what is in flight, for up to ${seconds} s; the same signal again stops at once`,
  )
  const closed = server.close(config.shutdownGraceMilliseconds).then(() => 'closed' as const)
  const outcome = await Promise.race([closed, signals.second, late(config)])
  if (outcome === 'closed') return EXIT.OK
  server.kill()
  log.warn(
    {},
    outcome === 'late' ? 'some work did not end in time and was cut off' : `${outcome}: stopped at once`,
  )
  return outcome === 'late' ? EXIT.FAILED : exitCodeOf(outcome)
}

async function late(config: Config): Promise<'late'> {
  await Bun.sleep(config.shutdownGraceMilliseconds + CLOSING_MILLISECONDS)
  return 'late'
}

/** As a shell tells it of a program that a signal has ended. */
function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}
