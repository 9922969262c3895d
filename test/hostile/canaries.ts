/**
 * Files beside and inside the data folder that no request may read, change or stand beside: a hostile name
 * that became a path would show here.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Scratch {
  readonly folder: string
  /** For the server. */
  readonly data: string
  remove(): void
}

export interface Canaries {
  /** What stands in every canary, and must be in no answer. */
  readonly secret: string
  /** One line for everything that is not as it should be. */
  damage(): string[]
}

/** What Berth makes in its folder: distribution's tree, and its own. */
const LEGAL_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/
/** What hostile names that would be legal file names have in common. */
const MARK = /evil|canary|passwd/

export function newScratch(): Scratch {
  const folder = mkdtempSync(join(tmpdir(), 'hostile-test-'))
  return {
    folder,
    data: join(folder, 'data'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Beside the data folder, and in it, which a server has filled. */
export function layCanaries({ folder, data }: Scratch): Canaries {
  const secret = `canary ${crypto.randomUUID()}`
  const inside = ['canary', 'docker/canary', 'docker/registry/v2/canary']
  const files = [join(folder, 'canary'), ...inside.map((place) => join(data, place))]
  for (const file of files) writeFileSync(file, secret)
  return {
    secret,
    damage: () => [
      ...files.filter((file) => readFileSync(file, 'utf8') !== secret),
      ...readdirSync(folder).filter((name) => name !== 'canary' && name !== 'data'),
      ...foreignNames(data, inside),
    ],
  }
}

function foreignNames(data: string, known: readonly string[]): string[] {
  const found = readdirSync(data, { recursive: true, encoding: 'utf8' })
  return found.filter(
    (path) =>
      !known.includes(path) && (MARK.test(path) || !path.split('/').every((name) => LEGAL_NAME.test(name))),
  )
}
