/**
 * Makes everything on a volume durable with one call (syncfs(2)), by way of the program `sync`, for the runtime
 * has no such call, and through FFI it would hold up its thread. An fsync for each of a hundred small files and
 * of their folders has the disk flushed a hundred times, and takes more of the processor than a program's start.
 *
 * It is believed only where it is known to wait for the disk and to tell of what could not be written: GNU's
 * `sync` (others drop the answer), Linux from 5.8 on, a disk of this machine, no overlay. Everywhere else, and
 * when it fails or has to be ended, each file is synced by itself. A disk that does not answer is waited for, as by
 * any fsync.
 */
import { statfs } from 'node:fs/promises'
import { release } from 'node:os'
import type { Root } from './root.ts'

const OVERLAY_MAGIC = 0x794c7630
const LONGEST_MILLISECONDS = 30_000

export class VolumeSync {
  readonly #root: Root
  #isBelieved: Promise<boolean> | null = null

  constructor(root: Root) {
    this.#root = root
  }

  /** True when everything that was written before the call is on the disk; false when that is not known. */
  async sync(): Promise<boolean> {
    this.#isBelieved ??= isBelieved(this.#root).catch(() => false)
    return (await this.#isBelieved) && (await run(['-f', this.#root.path])) !== null
  }
}

async function isBelieved({ path, volume }: Root): Promise<boolean> {
  if (process.platform !== 'linux' || volume.kind !== 'local' || !reportsFailures(release())) return false
  const { type } = await statfs(path)
  const version = type >>> 0 === OVERLAY_MAGIC ? null : await run(['--version'])
  return version?.includes('GNU coreutils') === true
}

/** Linux 5.8 is the first whose syncfs does: https://man7.org/linux/man-pages/man2/sync.2.html */
export function reportsFailures(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10))
  return major > 5 || (major === 5 && minor >= 8)
}

/** What `sync` printed, or null when it failed, is not there or took too long. */
async function run(args: readonly string[]): Promise<string | null> {
  try {
    const program = Bun.spawn(['sync', ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: LONGEST_MILLISECONDS,
      killSignal: 'SIGKILL',
    })
    const output = await program.stdout.text()
    return (await program.exited) === 0 ? output : null
  } catch {
    return null
  }
}
