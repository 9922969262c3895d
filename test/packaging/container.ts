/** Containers of Berth's image for its tests, started and asked as a person does. */
import type { Machine } from '../machine/machine.ts'
import { until } from '../until.ts'

export const IMAGE = 'berth:test'

export interface ContainerPlan {
  /** What stands between `docker run -d` and the image. */
  readonly options?: readonly string[]
  /** What stands behind the image; what the image says unless given. */
  readonly arguments?: readonly string[]
}

export interface Container extends AsyncDisposable {
  readonly name: string
  /** Its address on the bridge. */
  readonly host: string
  /** What it has printed, on both streams. */
  log(): Promise<string>
  /** Runs a command in it, which must succeed. */
  exec(...args: string[]): Promise<string>
  /** Stores a blob in the repository `app` and gets it back; throws where either fails. */
  pushAndPull(text: string): Promise<void>
  /** SIGTERM; gives the exit code. */
  stop(): Promise<number>
}

/** Starts one, and waits until its own health check says that it is ready. */
export async function startContainer(machine: Machine, plan: ContainerPlan = {}): Promise<Container> {
  const name = `berth-${crypto.randomUUID().slice(0, 8)}`
  const { options = [], arguments: args = [] } = plan
  await machine.run('docker', 'run', '-d', '--name', name, ...options, IMAGE, ...args)
  const container = new DockerContainer(machine, name, await addressOf(machine, name))
  try {
    await until(`${name} is ready`, () => container.isReady(), { withinMilliseconds: 30_000 })
    return container
  } catch (cause) {
    const log = await container.log()
    await container[Symbol.asyncDispose]()
    throw new Error(`${IMAGE} ${args.join(' ')} did not start:\n${log}`, { cause })
  }
}

/** Runs one to its end, and removes it. */
export async function runOnce(machine: Machine, plan: ContainerPlan) {
  const { options = [], arguments: args = [] } = plan
  return machine.attempt(['docker', 'run', '--rm', ...options, IMAGE, ...args])
}

async function addressOf(machine: Machine, name: string): Promise<string> {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
  return (await machine.run('docker', 'inspect', '-f', format, name)).trim()
}

class DockerContainer implements Container {
  readonly name: string
  readonly host: string
  readonly #machine: Machine

  constructor(machine: Machine, name: string, host: string) {
    this.#machine = machine
    this.name = name
    this.host = host
  }

  async isReady(): Promise<boolean> {
    const { exitCode } = await this.#machine.attempt(['docker', 'exec', this.name, 'berth', 'healthcheck'])
    return exitCode === 0
  }

  async log(): Promise<string> {
    const { stdout, stderr } = await this.#machine.attempt(['docker', 'logs', this.name])
    return stdout + stderr
  }

  exec(...args: string[]): Promise<string> {
    return this.#machine.run('docker', 'exec', this.name, ...args)
  }

  async pushAndPull(text: string): Promise<void> {
    const digest = `sha256:${new Bun.CryptoHasher('sha256').update(text).digest('hex')}`
    const blobs = `http://${this.host}:5000/v2/app/blobs`
    const send = ['--data-binary', text, '-H', 'content-type: application/octet-stream']
    await this.#machine.run('curl', '-sSf', ...send, `${blobs}/uploads/?digest=${digest}`)
    const pulled = await this.#machine.run('curl', '-sSf', `${blobs}/${digest}`)
    if (pulled !== text) throw new Error(`pushed "${text}", and got back "${pulled}"`)
  }

  async stop(): Promise<number> {
    await this.#machine.run('docker', 'stop', this.name)
    return Number(await this.#machine.run('docker', 'inspect', '-f', '{{.State.ExitCode}}', this.name))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#machine.run('docker', 'rm', '-f', '-v', this.name)
  }
}
