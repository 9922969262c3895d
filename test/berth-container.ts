/**
 * Berth's executable in a container of its own: an image with nothing in it but the executable and the libraries
 * that it is linked with, no network, and two folders of the machine: its data, and one for its socket.
 */
import { copyFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DockerEngine } from './clients/docker-engine.ts'
import { command } from './tools/command.ts'
import { until } from './until.ts'

const IMAGE = 'berth:test'

/** Makes the image, in a folder that may be removed afterwards. */
export async function importBerthImage(
  engine: DockerEngine,
  executable: string,
  folder: string,
): Promise<void> {
  const root = join(folder, 'root')
  for (const [path, target] of [[executable, '/berth'] as const, ...(await librariesOf(executable))]) {
    mkdirSync(dirname(join(root, target)), { recursive: true })
    copyFileSync(path, join(root, target))
  }
  mkdirSync(join(root, 'tmp'))
  const archive = join(folder, 'image.tar')
  await command('tar', ['-C', root, '-cf', archive, '.'])
  await engine.run('import', archive, IMAGE)
}

/** Where each lies, and where it is looked for: the same. Lines of ldd: `libc.so.6 => /lib/libc.so.6 (0x...)`. */
async function librariesOf(executable: string): Promise<(readonly [string, string])[]> {
  const listed = await command('ldd', [executable])
  return [...listed.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => [path, path] as const)
}

export interface ContainerPlan {
  /** Folders of the machine. */
  readonly data: string
  readonly sockets: string
}

function serveArguments({ data, sockets }: ContainerPlan, socket: string): string[] {
  const own = ['--network', 'none', '-v', `${data}:/data`, '-v', `${sockets}:/run`]
  return [...own, IMAGE, '/berth', 'serve', '--data', '/data', '--addr', `unix:/run/${socket}`]
}

export interface BerthContainer extends AsyncDisposable {
  /** As it calls itself. */
  readonly hostname: string
  /** Asks it over its socket. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** SIGTERM, then the exit code. */
  stop(): Promise<number>
  /** SIGKILL to everything in it. */
  kill(): Promise<void>
}

/** Starts it, and waits until it answers. */
export async function startBerthContainer(
  engine: DockerEngine,
  plan: ContainerPlan,
): Promise<BerthContainer> {
  const socket = `${crypto.randomUUID().slice(0, 8)}.sock`
  const id = (await engine.run('run', '-d', ...serveArguments(plan, socket))).trim()
  const unix = join(plan.sockets, socket)
  const container: BerthContainer = {
    hostname: id.slice(0, 12),
    fetch: (path, init) => fetch(`http://berth${path}`, { ...init, unix }),
    async stop() {
      await engine.run('stop', id)
      return Number(await engine.run('wait', id))
    },
    async kill() {
      await engine.run('kill', id)
      await engine.run('wait', id)
    },
    async [Symbol.asyncDispose]() {
      await engine.run('rm', '-f', id)
    },
  }
  const isReady = () =>
    container.fetch('/readyz').then(
      ({ status }) => status === 200,
      () => false,
    )
  await until('Berth answers in its container', isReady)
  return container
}

/** Starts it where it is expected to refuse; gives its exit code and what it printed. */
export async function refusalInContainer(
  engine: DockerEngine,
  plan: ContainerPlan,
): Promise<{ readonly code: number; readonly log: string }> {
  const { exitCode, stderr } = await engine.attempt('run', '--rm', ...serveArguments(plan, 'refused.sock'))
  return { code: exitCode, log: stderr }
}
