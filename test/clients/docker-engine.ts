/** A Docker Engine for one suite: it keeps everything in one folder, and touches no network of the machine. */
import { join } from 'node:path'
import { type CommandResult, command, startDaemon, tryCommand } from '../tools/command.ts'
import { until } from '../until.ts'

export interface DockerEngine extends AsyncDisposable {
  /** Runs `docker`, which must succeed; gives what it printed. */
  run(...args: string[]): Promise<string>
  /** Runs `docker`, whatever its exit code. */
  attempt(...args: string[]): Promise<CommandResult>
}

export interface DockerPrograms {
  readonly docker: string
  readonly dockerd: string
}

/** The folder must be empty, and its path short, for sockets lie in it. Resolves when the engine answers. */
export async function startDockerEngine(
  { docker, dockerd }: DockerPrograms,
  folder: string,
): Promise<DockerEngine> {
  const socket = `unix://${join(folder, 's')}`
  const env = { DOCKER_HOST: socket, DOCKER_BUILDKIT: '0', DOCKER_CONFIG: join(folder, 'config') }
  const own = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'run')]
  const place = [...own, '--pidfile', join(folder, 'pid'), '-H', socket]
  const plain = ['--storage-driver=vfs', '--iptables=false', '--ip6tables=false', '--bridge=none']
  const daemon = startDaemon(dockerd, [...place, ...plain], { logFile: join(folder, 'log') })
  const engine: DockerEngine = {
    run: (...args) => command(docker, args, { env }),
    attempt: (...args) => tryCommand(docker, args, { env }),
    [Symbol.asyncDispose]: () => daemon.stop(),
  }
  const answers = async () => (await engine.attempt('version')).exitCode === 0
  await until('dockerd answers', answers, { withinMilliseconds: 60_000 })
  return engine
}
