/**
 * A machine of its own inside this one, for tests that do what a person does to a whole machine: its own network
 * (every port is free, addresses can be added), its own processes (none outlives it), and its own /etc, /srv and
 * /var, which begin as this machine's and are gone with it. A Docker Engine runs in it with its usual bridge, at its
 * usual socket.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CommandOptions, type CommandResult, command, tryCommand } from '../tools/command.ts'
import { until } from '../until.ts'

/** What a machine is made with. */
export const MACHINE_TOOLS = ['docker', 'dockerd', 'containerd', 'runc', 'unshare', 'ip'] as const

const OWN_FOLDERS = ['etc', 'srv', 'var']
/** The person's own folder, empty at first. */
export const MACHINE_HOME = '/srv/newcomer'
/** Debian's programs and no others, so that a second docker elsewhere is not taken. */
const ENVIRONMENT = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: MACHINE_HOME,
  LANG: 'C.UTF-8',
  TERM: 'dumb',
  // The builder that needs no plug-in.
  DOCKER_BUILDKIT: '0',
}

export interface MachinePlan {
  /** Addresses that it has beside the loopback's. */
  readonly addresses?: readonly string[]
  /** Lines of its /etc/hosts: addresses by name. */
  readonly hosts?: Readonly<Record<string, string>>
}

export interface Machine extends AsyncDisposable {
  /** What to spawn to run a program in it. */
  command(args: readonly string[]): string[]
  readonly environment: Readonly<Record<string, string>>
  /** Runs a program in it, which must succeed; gives what it printed. */
  run(...args: string[]): Promise<string>
  /** Runs a program in it, whatever its exit code. */
  attempt(
    args: readonly string[],
    options?: Pick<CommandOptions, 'stdin' | 'timeout'>,
  ): Promise<CommandResult>
}

/** Resolves when its Docker Engine answers. Needs root, and Debian's `docker.io`. */
export async function startMachine(plan: MachinePlan = {}): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-machine-'))
  for (const own of OWN_FOLDERS)
    for (const layer of ['upper', 'work']) mkdirSync(join(folder, own, layer), { recursive: true })
  mkdirSync(join(folder, 'docker'))
  writeFileSync(join(folder, 'boot'), bootScript(folder, plan))
  const machine = new UnsharedMachine(folder)
  try {
    const answers = async () => (await machine.attempt(['docker', 'version'])).exitCode === 0
    await until('the Docker Engine of the machine answers', answers, { withinMilliseconds: 60_000 })
    return machine
  } catch (cause) {
    const log = machine.log()
    await machine[Symbol.asyncDispose]()
    throw new Error(`The machine did not start:\n${log.slice(-3000)}`, { cause })
  }
}

/** What its first process does: a shell, which also buries what loses its parent. */
function bootScript(folder: string, { addresses = [], hosts = {} }: MachinePlan): string {
  const names = Object.entries(hosts).map(([name, address]) => `${address} ${name}`)
  const overlay = (own: string) =>
    `mount -t overlay overlay /${own} -o lowerdir=/${own},upperdir=${folder}/${own}/upper,workdir=${folder}/${own}/work`
  return [
    'set -e',
    'ip link set lo up',
    ...addresses.map((address) => `ip address add ${address} dev lo`),
    ...OWN_FOLDERS.map(overlay),
    'mount -t tmpfs tmpfs /run',
    `mkdir -p ${MACHINE_HOME} /var/lib/docker /etc/docker`,
    `mount --bind ${folder}/docker /var/lib/docker`,
    'rm -rf /etc/docker/*',
    `printf '%s\\n' ${['127.0.0.1 localhost', ...names].map((line) => `'${line}'`).join(' ')} > /etc/hosts`,
    'dockerd --iptables=false --ip6tables=false &',
    'sleep infinity &',
    'wait $!',
  ].join('\n')
}

class UnsharedMachine implements Machine {
  readonly environment = ENVIRONMENT
  readonly #folder: string
  readonly #first: Bun.Subprocess

  constructor(folder: string) {
    const own = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
    this.#folder = folder
    // It ends with the tests, however they end.
    const bound = ['setpriv', '--pdeathsig', 'KILL']
    this.#first = Bun.spawn([...bound, 'unshare', ...own, 'bash', join(folder, 'boot')], {
      env: { ...process.env, ...ENVIRONMENT },
      stdin: 'ignore',
      stdout: Bun.file(join(folder, 'output')),
      stderr: Bun.file(join(folder, 'log')),
    })
  }

  command(args: readonly string[]): string[] {
    const own = `/proc/${this.#first.pid}/ns`
    const namespaces = [`--net=${own}/net`, `--mount=${own}/mnt`, `--pid=${own}/pid_for_children`]
    return ['nsenter', ...namespaces, `--wdns=${MACHINE_HOME}`, ...args]
  }

  run(...args: string[]): Promise<string> {
    const [program = '', ...rest] = this.command(args)
    return command(program, rest, { env: ENVIRONMENT })
  }

  attempt(args: readonly string[], options: Pick<CommandOptions, 'stdin' | 'timeout'> = {}) {
    const [program = '', ...rest] = this.command(args)
    return tryCommand(program, rest, { ...options, env: ENVIRONMENT })
  }

  log(): string {
    return readFileSync(join(this.#folder, 'log'), 'utf8')
  }

  /**
   * With its first process all others end; what it had mounted is gone with the last of them. Containers end before,
   * for their groups of processes belong to the whole machine, and the engine would not be there to remove them.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.attempt(['sh', '-c', 'docker ps -q | xargs -r docker kill'], { timeout: 20_000 })
    this.#first.kill('SIGKILL')
    await this.#first.exited
    const isEmpty = () => tryRemove(this.#folder)
    await until('the processes of the machine have let go of its folder', isEmpty)
  }
}

function tryRemove(folder: string): boolean {
  try {
    rmSync(folder, { recursive: true, force: true })
    return true
  } catch {
    return false
  }
}
