/**
 * Builds Berth as one executable with Bun and everything in it: dist/berth for this machine, and beside it one
 * for each of the container image's platforms that is not this machine's (dist/berth-linux-arm64).
 *
 *   npm run build
 *   npm run build -- --outfile /tmp/berth                           this machine's alone
 *   npm run build -- --outfile /tmp/berth --platform linux-arm64    that platform's alone
 */
import { mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { bringBunFor, IMAGE_PLATFORMS, type Platform, parsePlatform, thisPlatform } from './bun-platforms.ts'

const checkout = join(import.meta.dir, '..')

/** Null where there is no repository, as in a source archive. */
function currentCommit(): string | null {
  if (Bun.which('git') === null) return null
  const git = Bun.spawnSync(['git', '-C', checkout, 'rev-parse', '--short=12', 'HEAD'])
  return git.success ? git.stdout.toString().trim() : null
}

/** Null is this machine's platform, for which the Bun that runs this file serves. */
async function build(outfile: string, platform: Platform | null): Promise<void> {
  const commit = currentCommit()
  mkdirSync(dirname(outfile), { recursive: true })
  await Bun.build({
    entrypoints: [join(checkout, 'src/main.ts')],
    compile: {
      outfile,
      // Settings come from where the person put them, not from files that happen to lie in the working directory.
      autoloadDotenv: false,
      autoloadBunfig: false,
      ...(platform === null
        ? {}
        : { target: platform.target, executablePath: await bringBunFor(platform, checkout) }),
    },
    minify: true,
    sourcemap: 'linked',
    bytecode: true,
    format: 'esm',
    define: commit === null ? {} : { BERTH_COMMIT: JSON.stringify(commit) },
  })
  console.log(`${outfile}: ${(statSync(outfile).size / 1_000_000).toFixed(1)} MB`)
}

const { values } = parseArgs({ options: { outfile: { type: 'string' }, platform: { type: 'string' } } })
const here = thisPlatform()
const asked = values.platform === undefined ? null : parsePlatform(values.platform)
if (values.outfile !== undefined || asked !== null) {
  const isHere = asked === null || asked.name === here
  await build(values.outfile ?? join(checkout, `dist/berth-${values.platform}`), isHere ? null : asked)
} else {
  await build(join(checkout, 'dist/berth'), null)
  for (const platform of IMAGE_PLATFORMS.filter(({ name }) => name !== here))
    await build(join(checkout, `dist/berth-${platform.name}`), platform)
}
