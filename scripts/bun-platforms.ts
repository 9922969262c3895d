/**
 * The platforms of the container image, and where the Bun for each comes from: the npm package that the lock file
 * names, at its version and with its checksum. npm installs this machine's only, and Bun by itself would download
 * another one unchecked.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import packageLock from '../package-lock.json'

export interface Platform {
  /** As image platforms are called, with a hyphen. */
  readonly name: string
  /** As Bun calls it. */
  readonly target: 'bun-linux-x64' | 'bun-linux-arm64'
  readonly package: '@oven/bun-linux-x64' | '@oven/bun-linux-aarch64'
}

export const IMAGE_PLATFORMS: readonly Platform[] = [
  { name: 'linux-amd64', target: 'bun-linux-x64', package: '@oven/bun-linux-x64' },
  { name: 'linux-arm64', target: 'bun-linux-arm64', package: '@oven/bun-linux-aarch64' },
]

/** Throws when there is no such platform. */
export function parsePlatform(name: string): Platform {
  const platform = IMAGE_PLATFORMS.find((each) => each.name === name)
  if (platform !== undefined) return platform
  throw new Error(
    `There is no platform ${name}: write ${IMAGE_PLATFORMS.map((each) => each.name).join(' or ')}`,
  )
}

export function thisPlatform(): string {
  return `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
}

/** The path of a Bun executable for the platform. Fetches it once; throws when it is not what the lock file says. */
export async function bringBunFor(platform: Platform, checkout: string): Promise<string> {
  const { version, integrity } = packageLock.packages[`node_modules/${platform.package}`]
  const cache = join(checkout, 'node_modules/.cache/berth')
  const folder = join(cache, `${platform.target}-${version}`)
  const executable = join(folder, 'package/bin/bun')
  if (existsSync(executable)) return executable
  const unfinished = join(cache, `new-${crypto.randomUUID()}`)
  mkdirSync(unfinished, { recursive: true })
  try {
    const archive = pack(`${platform.package}@${version}`, unfinished)
    await requireIntegrity(archive, integrity)
    run(['tar', '-xzf', archive, '-C', unfinished])
    rmSync(archive)
    rmSync(folder, { recursive: true, force: true })
    renameSync(unfinished, folder)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  return executable
}

/** Through npm, so that its registry, proxy and cache are used as they are set up. */
function pack(specification: string, folder: string): string {
  run(['npm', 'pack', specification, '--prefer-offline', '--silent', '--pack-destination', folder])
  const [name] = readdirSync(folder)
  if (name === undefined) throw new Error(`npm pack ${specification} has left no archive in ${folder}`)
  return join(folder, name)
}

async function requireIntegrity(archive: string, integrity: string): Promise<void> {
  const found = `sha512-${new Bun.CryptoHasher('sha512').update(await Bun.file(archive).bytes()).digest('base64')}`
  if (found !== integrity)
    throw new Error(`${archive} is not what package-lock.json names: ${found} instead of ${integrity}`)
}

function run(command: string[]): void {
  const { success, stderr } = Bun.spawnSync(command, { stderr: 'pipe' })
  if (!success) throw new Error(`"${command.join(' ')}" failed:\n${stderr}`)
}
