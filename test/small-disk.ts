/**
 * A small disk of its own for a test: a tmpfs that can be filled up and made read-only. Mounting needs root on
 * Linux. It is unmounted when it is disposed of, also when the test has failed.
 */
import {
  mkdirSync,
  mkdtempSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { codeOf } from '../src/lib/thrown.ts'

const FILLER = 'filler'

export class SmallDisk implements Disposable {
  readonly path: string
  #isReadOnly = false
  readonly #unmountAtExit = () => this.#unmount()

  /** `files`: how many files, folders and links it takes; as many as fit unless told. */
  constructor(megabytes: number, files?: number) {
    this.path = mkdtempSync(join(tmpdir(), 'small-disk-'))
    try {
      const inodes = files === undefined ? '' : `,nr_inodes=${files}`
      run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m${inodes}`, 'tmpfs', this.path)
    } catch (error) {
      rmdirSync(this.path)
      throw error
    }
    process.once('exit', this.#unmountAtExit)
  }

  /** Bytes that can still be written. */
  get free(): number {
    const { bavail, bsize } = statfsSync(this.path)
    return bavail * bsize
  }

  /** Leaves so many bytes, or less where there are fewer already. */
  fill(free: number): void {
    this.clear()
    const filler = join(this.path, FILLER)
    try {
      writeFileSync(filler, new Uint8Array(Math.max(0, this.free - free)))
    } catch (error) {
      // Whoever uses the disk has taken some of it meanwhile.
      if (codeOf(error) !== 'ENOSPC') throw error
      truncateSync(filler, Math.max(0, statSync(filler).size - free))
    }
  }

  /** Leaves no file that could still be made, and all the bytes. */
  fillWithFiles(): void {
    const folder = join(this.path, FILLER)
    mkdirSync(folder)
    for (let left = statfsSync(this.path).ffree; left > 0; left--)
      writeFileSync(join(folder, String(left)), '')
  }

  /** Takes away what `fill` or `fillWithFiles` wrote. */
  clear(): void {
    rmSync(join(this.path, FILLER), { recursive: true, force: true })
  }

  /** For whoever opens, makes, renames or removes something from now on; files that are open stay writable. */
  makeReadOnly(): void {
    run('mount', '--bind', this.path, this.path)
    this.#isReadOnly = true
    run('mount', '-o', 'remount,bind,ro', this.path)
  }

  /** Undoes `makeReadOnly`, once nothing is open that was opened since. */
  makeWritable(): void {
    run('umount', this.path)
    this.#isReadOnly = false
  }

  /** As disposing does, but throws where a file is still open on it. */
  unmount(): void {
    try {
      if (this.#isReadOnly) this.makeWritable()
      run('umount', this.path)
    } finally {
      this[Symbol.dispose]()
    }
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#unmountAtExit)
    this.#unmount()
  }

  /** With what lies over it; whatever is still open keeps its files until it is closed. */
  #unmount(): void {
    while (Bun.spawnSync(['umount', '-l', this.path]).exitCode === 0);
    rmdirSync(this.path)
  }
}

/** Why no disk can be mounted here, in words for a person; empty when it can. */
export function mountObstacles(): string[] {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return ['needs root on Linux to mount a disk']
  try {
    new SmallDisk(1)[Symbol.dispose]()
    return []
  } catch (error) {
    return [`needs the right to mount a disk (${error instanceof Error ? error.message.trim() : error})`]
  }
}

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command)
  if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${stderr}`)
}
