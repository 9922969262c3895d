/**
 * `berth demo`: a first success that needs no other registry and no other tool. It makes a tiny image, pushes
 * it to a running Berth, and shows how to get it back and which files it became.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import type { Command } from 'commander'
import { authorityCertificatePath } from '../app/local-certificate.ts'
import { loadConfig } from '../config/load.ts'
import { parseRepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { blobDataPath, tagLinkPath } from '../storage/layout.ts'
import { type DemoImage, makeDemoImage } from './demo/image.ts'
import { pushImage, type Target } from './demo/push.ts'
import { EXIT, Failure } from './failure.ts'
import { commandWithExamples, formatExamples, programName } from './help.ts'
import { readPassword } from './password-prompt.ts'
import type { Terminal } from './terminal.ts'

interface DemoFlags {
  readonly url: string
  readonly user?: string
  readonly caFile?: string
  readonly data?: string
}

const REPOSITORY = parseRepositoryName('demo/hello')
const TAG = parseTag('latest')

export function demoCommand(terminal: Terminal): Command {
  const program = programName()
  return commandWithExamples('demo', 'push a tiny image to a running Berth', [
    { command: `${program} demo`, effect: 'to the registry on port 5000 of this machine' },
    { command: `${program} demo --url http://localhost:5001`, effect: 'to another one' },
    {
      command: `${program} demo --user alice --url https://localhost:5000`,
      effect: 'with a login, whose password it asks for or reads from standard input, and with TLS',
    },
  ])
    .option('--url <url>', 'where the registry answers', 'http://localhost:5000')
    .option('--user <name>', 'who logs in')
    .option('--ca-file <file>', 'the authority that has signed its certificate, as PEM')
    .option('--data <folder>', "the registry's data folder, to show the files in it")
    .action((flags: DemoFlags) => demo(terminal, flags))
}

async function demo(terminal: Terminal, flags: DemoFlags): Promise<void> {
  const root = await findRoot(terminal, flags)
  const login = flags.user === undefined ? null : { user: flags.user, password: await readPassword(terminal) }
  const registry = { url: registryUrl(flags.url), login, authorities: await findAuthorities(flags, root) }
  const target = { registry, repository: REPOSITORY, tag: TAG }
  const image = makeDemoImage()
  await pushImage(target, image)
  terminal.print(describeImage(target, image))
  terminal.print(describeFiles(root, image))
}

/** Those that are named; else everybody's, and the one that `--tls auto` has made in the data folder. */
async function findAuthorities({ caFile }: DemoFlags, root: string | null): Promise<string[] | null> {
  if (caFile !== undefined) return [await readAuthority(caFile)]
  const own = root === null ? null : authorityCertificatePath(root)
  return own === null || !existsSync(own) ? null : [...rootCertificates, await readAuthority(own)]
}

function readAuthority(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: Error) => {
    throw new Failure(EXIT.USAGE, `The authority's certificate ${path} cannot be read: ${error.message}.`)
  })
}

function registryUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol)) return url.origin
  throw new Failure(EXIT.USAGE, `--url ${text} is no address: write it like http://localhost:5000`)
}

function describeImage({ registry, repository, tag }: Target, { index }: DemoImage): string {
  const { url, login } = registry
  const name = `${new URL(url).host}/${repository}`
  return `
Pushed ${repository}:${tag} to ${url}
${index.digest}

Get it back:
${formatExamples([
  { command: `docker run --rm ${name}`, effect: 'pulls it and runs it: it says hello' },
  { command: `docker pull ${name}`, effect: 'pulls it only' },
  {
    command: `curl ${login === null ? '' : `-u ${login.user} `}${url}/v2/${repository}/tags/list`,
    effect: 'asks for its tags, as clients do',
  },
])}

`
}

/** The registry's data folder as flags and variables name it; null where everything is in memory. */
async function findRoot(terminal: Terminal, flags: DemoFlags): Promise<string | null> {
  const sources = { file: null, environment: terminal.environment, isTerminal: terminal.isInteractive }
  const { config } = await loadConfig({ ...sources, flags: { addr: null, data: flags.data ?? null } })
  const { driver } = config.storage
  return driver.kind === 'memory' ? null : driver.root
}

function describeFiles(root: string | null, { index, manifests, blobs }: DemoImage): string {
  if (root === null || !existsSync(join(root, tagLinkPath(REPOSITORY, TAG))))
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
