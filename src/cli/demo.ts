/**
 * `berth demo`: a first success that needs no other registry and no other tool. It makes a tiny image, pushes
 * it to a running Berth, and shows how to get it back and which files it became.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { loadConfig } from '../config/load.ts'
import { parseRepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { blobDataPath, tagLinkPath } from '../storage/layout.ts'
import { type DemoImage, makeDemoImage } from './demo/image.ts'
import { pushImage, type Target } from './demo/push.ts'
import { EXIT, Failure } from './failure.ts'
import { commandWithExamples, formatExamples, programName } from './help.ts'
import type { Terminal } from './terminal.ts'

interface DemoFlags {
  readonly url: string
  readonly data?: string
}

const REPOSITORY = parseRepositoryName('demo/hello')
const TAG = parseTag('latest')

export function demoCommand(terminal: Terminal): Command {
  const program = programName()
  return commandWithExamples('demo', 'push a tiny image to a running Berth', [
    { command: `${program} demo`, effect: 'to the registry on port 5000 of this machine' },
    { command: `${program} demo --url http://localhost:5001`, effect: 'to another one' },
  ])
    .option('--url <url>', 'where the registry answers', 'http://localhost:5000')
    .option('--data <folder>', "the registry's data folder, to show the files in it")
    .action((flags: DemoFlags) => demo(terminal, flags))
}

async function demo(terminal: Terminal, flags: DemoFlags): Promise<void> {
  const target = { url: registryUrl(flags.url), repository: REPOSITORY, tag: TAG }
  const image = makeDemoImage()
  await pushImage(target, image)
  terminal.print(describeImage(target, image))
  terminal.print(describeFiles(await findRoot(terminal, flags), image))
}

function registryUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol)) return url.origin
  throw new Failure(EXIT.USAGE, `--url ${text} is no address: write it like http://localhost:5000`)
}

function describeImage({ url, repository, tag }: Target, { index }: DemoImage): string {
  const name = `${new URL(url).host}/${repository}`
  return `
Pushed ${repository}:${tag} to ${url}
${index.digest}

Get it back:
${formatExamples([
  { command: `docker run --rm ${name}`, effect: 'pulls it and runs it: it says hello' },
  { command: `docker pull ${name}`, effect: 'pulls it only' },
  { command: `curl ${url}/v2/${repository}/tags/list`, effect: 'asks for its tags, as clients do' },
])}

`
}

/** The folder where the image can be seen to have arrived, or null. */
async function findRoot(terminal: Terminal, flags: DemoFlags): Promise<string | null> {
  const sources = { file: null, environment: terminal.environment, isTerminal: terminal.isInteractive }
  const { config } = await loadConfig({ ...sources, flags: { addr: null, data: flags.data ?? null } })
  const { driver } = config.storage
  if (driver.kind === 'memory') return null
  return existsSync(join(driver.root, tagLinkPath(REPOSITORY, TAG))) ? driver.root : null
}

function describeFiles(root: string | null, { index, manifests, blobs }: DemoImage): string {
  if (root === null)
    return `To see the files that it became: ${programName()} demo --data <the registry's folder>\n`
  const files = [
    { path: tagLinkPath(REPOSITORY, TAG), what: `the tag: a file that names the digest` },
    ...[index, ...manifests, ...blobs].map(({ digest, label, bytes }) => ({
      path: shortened(blobDataPath(digest)),
      what: `${label}, ${bytes.length} bytes`,
    })),
  ]
  const listing = formatExamples(files.map(({ path, what }) => ({ command: path, effect: what })))
  return `The files that it became, in ${root}:\n${listing}\n`
}

/** Digests are long; their beginning is enough to find one. */
function shortened(path: string): string {
  return path.replace(/[0-9a-f]{64}/, (hex) => `${hex.slice(0, 12)}…`)
}
