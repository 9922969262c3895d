/**
 * Builds dist/berth: one executable with Bun and everything in it, for this machine's platform.
 *
 *   npm run build
 *   npm run build -- --outfile /tmp/berth
 */
import { mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const checkout = join(import.meta.dir, '..')

const { values } = parseArgs({
  options: {
    outfile: { type: 'string', default: join(checkout, 'dist/berth') },
  },
})

/** Null where there is no repository, as in a source archive. */
function currentCommit(): string | null {
  if (Bun.which('git') === null) return null
  const git = Bun.spawnSync(['git', '-C', checkout, 'rev-parse', '--short=12', 'HEAD'])
  return git.success ? git.stdout.toString().trim() : null
}

const commit = currentCommit()
mkdirSync(dirname(values.outfile), { recursive: true })
await Bun.build({
  entrypoints: [join(checkout, 'src/main.ts')],
  compile: {
    outfile: values.outfile,
    // Settings come from where the person put them, not from files that happen to lie in the working directory.
    autoloadDotenv: false,
    autoloadBunfig: false,
  },
  minify: true,
  sourcemap: 'linked',
  bytecode: true,
  format: 'esm',
  define: commit === null ? {} : { BERTH_COMMIT: JSON.stringify(commit) },
})
const megabytes = statSync(values.outfile).size / 1_000_000
console.log(`${values.outfile}: ${megabytes.toFixed(1)} MB`)
