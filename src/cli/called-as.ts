/**
 * By which name the executable was called, and what its arguments mean under it. As `registry` (a link or a copy)
 * it stands where `registry:2` and `registry:3` had theirs: in scripts, in `docker exec` and in unit files.
 */
import { basename } from 'node:path'
import { VERSION } from '../app/version.ts'

export type CalledAs = 'berth' | 'registry'

/** What stands before the arguments is the caller's, so any other name is Berth's own. */
export function calledAs(argv0: string): CalledAs {
  return basename(argv0).replace(/\.exe$/, '') === 'registry' ? 'registry' : 'berth'
}

/** A configuration file alone means `serve`, as in the images of `registry:2` and `registry:3`. */
export function withCommand(args: readonly string[]): readonly string[] {
  const [first] = args
  if (first === undefined) return ['--help']
  return /\.ya?ml$/.test(first) ? ['serve', ...args] : args
}

/** For `-v`. Scripts cut the version out of `registry <package> <version>`. */
export function versionLine(name: CalledAs): string {
  return name === 'registry' ? `registry berth ${VERSION}` : `berth ${VERSION}`
}
