/**
 * Runs outside programs for the tests: a command to its end, or a daemon until it is stopped.
 * A command that fails throws with everything it printed. Only processes started here are ever ended, by id.
 */
import { closeSync, openSync, readFileSync } from 'node:fs'

export type CommandOptions = {
  cwd?: string
  /** Added to the environment of the tests; `undefined` takes a variable away. */
  env?: Record<string, string | undefined>
  stdin?: string | Uint8Array<ArrayBuffer>
  /** Milliseconds after which the command is ended. */
  timeout?: number
}

type RawResult = { exitCode: number; stdout: Uint8Array; stderr: string }

export type CommandResult = { exitCode: number; stdout: string; stderr: string }

const COMMAND_TIMEOUT = 120_000
const DAEMON_STOP_TIMEOUT = 10_000

function placeOf(options: CommandOptions): { cwd: string; env: Record<string, string | undefined> } {
  return { cwd: options.cwd ?? process.cwd(), env: { ...process.env, ...options.env } }
}

async function run(program: string, args: string[], options: CommandOptions): Promise<RawResult> {
  const child = Bun.spawn([program, ...args], {
    ...placeOf(options),
    stdin: options.stdin === undefined ? 'ignore' : new Blob([options.stdin]),
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: options.timeout ?? COMMAND_TIMEOUT,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).bytes(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { exitCode, stdout, stderr }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** Runs a program to its end, whatever its exit code. */
export async function tryCommand(
  program: string,
  args: string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await run(program, args, options)
  return { ...result, stdout: textOf(result.stdout) }
}

/** Runs a program that must succeed; gives the bytes of its standard output. */
export async function commandBytes(
  program: string,
  args: string[],
  options: CommandOptions = {},
): Promise<Uint8Array> {
  const result = await run(program, args, options)
  if (result.exitCode !== 0) {
    const line = [program, ...args].join(' ')
    throw new Error(`"${line}" ended with ${result.exitCode}.\n${textOf(result.stdout)}\n${result.stderr}`)
  }
  return result.stdout
}

/** Runs a program that must succeed; gives what it printed on its standard output. */
export async function command(
  program: string,
  args: string[],
  options: CommandOptions = {},
): Promise<string> {
  return textOf(await commandBytes(program, args, options))
}

export type Daemon = {
  readonly pid: number
  /** All that it has printed so far. */
  log(): string
  /** Ends it with SIGTERM, after ten seconds with SIGKILL. */
  stop(): Promise<void>
  /** Ends it with SIGKILL. */
  kill(): Promise<void>
  /** Resolves with its exit code when it has ended. */
  readonly exited: Promise<number>
}

/** Starts a program that runs until it is stopped; `logFile` receives what it prints. */
export function startDaemon(
  program: string,
  args: string[],
  options: CommandOptions & { logFile: string },
): Daemon {
  const log = openSync(options.logFile, 'a')
  const child = Bun.spawn([program, ...args], {
    ...placeOf(options),
    stdin: 'ignore',
    stdout: log,
    stderr: log,
  })
  closeSync(log)
  const endWithUs = () => child.kill('SIGKILL')
  process.once('exit', endWithUs)
  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    const hard = setTimeout(() => child.kill('SIGKILL'), DAEMON_STOP_TIMEOUT)
    await child.exited
    clearTimeout(hard)
    process.off('exit', endWithUs)
  }
  return {
    pid: child.pid,
    log: () => readFileSync(options.logFile, 'utf8'),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    exited: child.exited,
  }
}
