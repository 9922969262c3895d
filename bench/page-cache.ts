/**
 * Keeps the price of memory out of the figures. A virtual machine is given memory by its host when it touches it
 * for the first time, and that costs up to ten times as much as writing a file does: so before a large file is
 * written, as much memory is touched and set free; and what was written is removed afterwards, so that the next
 * one finds the machine in the same state.
 */
import { closeSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const PIECE_BYTES = 1024 * 1024

/** Of the large blob's size: what a push, or any other metric, needs of memory, with some to spare. */
export const MEMORY_SHARE = 1.25

/** Leaves at least this much memory free that the machine really has. */
export function touchMemory(folder: string, bytes: number): void {
  const path = join(folder, 'memory')
  const file = openSync(path, 'w')
  const piece = Buffer.alloc(PIECE_BYTES)
  for (let written = 0; written < bytes; written += PIECE_BYTES) writeSync(file, piece)
  closeSync(file)
  rmSync(path)
}

/** Removes the files of at least this size, and with them what they hold of the memory and of the disk. */
export function removeLargeFiles(folder: string, bytes: number): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && statSync(path).size >= bytes) rmSync(path)
  }
}
