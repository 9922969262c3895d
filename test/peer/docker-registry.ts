/**
 * Starts Debian's `docker-registry` (`registry:2`), or distribution's newest release (`registry:3`), on a folder:
 * the peer that serves what Berth wrote and fills what Berth takes over, and a stand-in against which the client suites can be tried (see test/clients/registry.ts).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort } from '../berth-server.ts'
import { command, startDaemon } from '../tools/command.ts'
import { findTool } from '../tools/find-tool.ts'
import { until } from '../until.ts'

export interface DockerRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** `127.0.0.1:<port>` */
  readonly host: string
  readonly data: string
  log(): string
  stop(): Promise<void>
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>
}

function configuration(data: string, port: number): string {
  return JSON.stringify({
    version: '0.1',
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: data }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}` },
  })
}

/** `registry:2` and `registry:3`. */
export type PeerProgram = 'docker-registry' | 'registry'

/** Starts `docker-registry serve` with deletes on, and waits until it answers. `data` is kept afterwards. */
export async function startDockerRegistry(
  options: { data?: string; program?: PeerProgram } = {},
): Promise<DockerRegistry> {
  const program = pathOf(options.program ?? 'docker-registry')
  const scratch = mkdtempSync(join(tmpdir(), 'registry2-test-'))
  const data = options.data ?? join(scratch, 'data')
  const port = await findFreePort()
  const configFile = join(scratch, 'config.yml')
  writeFileSync(configFile, configuration(data, port))
  const daemon = startDaemon(program, ['serve', configFile], {
    logFile: join(scratch, 'log'),
    env: { OTEL_TRACES_EXPORTER: 'none' },
  })
  const url = `http://127.0.0.1:${port}`
  await until('docker-registry answers', async () => {
    const answer = await fetch(`${url}/v2/`).catch(() => null)
    return answer?.status === 200
  })
  return {
    url,
    host: `127.0.0.1:${port}`,
    data,
    log: daemon.log,
    stop: daemon.stop,
    kill: daemon.kill,
    async [Symbol.asyncDispose]() {
      await daemon.stop()
      rmSync(scratch, { recursive: true, force: true })
    },
  }
}

/** Runs its own collection on a folder that nobody serves; gives what it printed. */
export async function collectGarbage(
  data: string,
  options: { program?: PeerProgram; args?: readonly string[] } = {},
): Promise<string> {
  const scratch = mkdtempSync(join(tmpdir(), 'registry2-test-'))
  const configFile = join(scratch, 'config.yml')
  writeFileSync(configFile, configuration(data, 0))
  const program = pathOf(options.program ?? 'docker-registry')
  const args = ['garbage-collect', ...(options.args ?? []), configFile]
  const env = { OTEL_TRACES_EXPORTER: 'none' }
  return await command(program, args, { env }).finally(() => rmSync(scratch, { recursive: true }))
}

function pathOf(program: PeerProgram): string {
  const path = findTool(program)
  if (path === null) throw new Error(`${program} is not installed here: npm run tools`)
  return path
}
