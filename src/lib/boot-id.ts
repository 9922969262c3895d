/**
 * Tells one run of the machine from the next: what a program has written is there for as long as the machine runs,
 * whatever becomes of the program, and only what was synced is there afterwards.
 */
import { readFile } from 'node:fs/promises'

/** The same until the machine starts again, for all of its programs and containers; null where the system does not tell. */
export async function findBootId(): Promise<string | null> {
  // random(4): made anew by the kernel at each boot.
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  return text.trim() || null
}
