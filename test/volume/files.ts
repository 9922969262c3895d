/** The files of a folder as they are, to tell whether somebody changed one. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Path → what is in it, for everything under a folder; small files only, the others by their size. */
export function filesUnder(folder: string): Record<string, string> {
  const files: Record<string, string> = {}
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, name)
    const { size } = statSync(path)
    if (statSync(path).isFile()) files[name] = size < 1000 ? readFileSync(path, 'latin1') : `${size} bytes`
  }
  return files
}
