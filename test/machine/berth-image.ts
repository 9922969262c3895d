/**
 * Berth's image, built by its own Dockerfile in a machine without a network: the base images are stand-ins, and
 * npm finds in a cache what it would download.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toolCache } from '../tools/catalog.ts'
import { command } from '../tools/command.ts'
import { findTool } from '../tools/find-tool.ts'
import { addToImage, importDebian } from './images.ts'
import { MACHINE_TOOLS, type Machine } from './machine.ts'

const checkout = join(import.meta.dir, '../..')
export const RUNTIME_BASE = 'debian:bookworm-slim'
const BUILD_BASE = 'node:22-bookworm-slim'
const BUSYBOX_BASE = 'busybox:1.37-musl'
/** What the image is built with here. */
export const IMAGE_TOOLS = [...MACHINE_TOOLS, 'debootstrap', 'busybox'] as const

/** What the image is made of, beside its base. */
const SOURCES = [
  'package*.json',
  'scripts/*',
  'src/**',
  'deploy/Dockerfile',
  'deploy/image/*',
  '.dockerignore',
]

/** Gives a machine the image under these names: built, or as another test of this run has built it. */
export async function bringBerthImage(
  machine: Machine,
  names: readonly [string, ...string[]],
): Promise<void> {
  const [name, ...others] = names
  const results = join(checkout, 'test-results')
  const archive = join(results, `berth-image-${await sourceKey()}.tar`)
  if (existsSync(archive)) {
    await machine.run('docker', 'load', '-i', archive)
    await machine.run('docker', 'tag', SAVED, name)
  } else {
    mkdirSync(results, { recursive: true })
    await buildBerthImage(machine, name)
    await machine.run('docker', 'tag', name, SAVED)
    const unfinished = `${archive}.${process.pid}`
    await machine.run('docker', 'save', '-o', unfinished, SAVED, RUNTIME_BASE)
    renameSync(unfinished, archive)
  }
  for (const other of others) await machine.run('docker', 'tag', name, other)
}

const SAVED = 'berth:built'

async function sourceKey(): Promise<string> {
  const hash = new Bun.CryptoHasher('sha256')
  const paths = SOURCES.flatMap((pattern) => [
    ...new Bun.Glob(pattern).scanSync({ cwd: checkout, dot: true }),
  ])
  for (const path of paths.sort())
    hash.update(`${path}\0`).update(await Bun.file(join(checkout, path)).bytes())
  return hash.digest('hex').slice(0, 16)
}

/** Builds it as a person does. */
async function buildBerthImage(machine: Machine, name: string): Promise<void> {
  await importDebian(machine, [RUNTIME_BASE])
  await addNode(machine)
  await addToImage(machine, RUNTIME_BASE, BUSYBOX_BASE, { copies: { [busyboxPath()]: '/bin/busybox' } })
  await machine.run('docker', 'build', '-f', join(checkout, 'deploy/Dockerfile'), '-t', name, checkout)
}

/** This machine's Node and npm. */
async function addNode(machine: Machine): Promise<void> {
  const npm = await command('npm', ['root', '-g'])
  await addToImage(machine, RUNTIME_BASE, BUILD_BASE, {
    copies: {
      [await nodePath()]: '/usr/local/bin/node',
      [join(npm.trim(), 'npm')]: '/usr/local/lib/node_modules/npm',
      [await bringPackageCache()]: '/npm-cache',
    },
    instructions: [
      'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
      'ENV npm_config_cache=/npm-cache npm_config_offline=true',
    ],
  })
}

/** Debian's needs the C library, which its stand-in has. */
function busyboxPath(): string {
  const path = findTool('busybox')
  if (path === null)
    throw new Error('The image is built with busybox, which is not here: run `npm run tools`.')
  return path
}

async function nodePath(): Promise<string> {
  return (await command('node', ['-p', 'process.execPath'])).trim()
}

/** A cache of npm's with the packages of the lock file that the build needs. */
async function bringPackageCache(): Promise<string> {
  const lock = await Bun.file(join(checkout, 'package-lock.json')).bytes()
  const cache = join(
    toolCache(),
    `npm-${new Bun.CryptoHasher('sha256').update(lock).digest('hex').slice(0, 16)}`,
  )
  if (existsSync(cache)) return cache
  const folder = mkdtempSync(join(tmpdir(), 'berth-packages-'))
  try {
    for (const file of ['package.json', 'package-lock.json']) cpSync(join(checkout, file), join(folder, file))
    const unfinished = `${cache}.${process.pid}`
    await command('npm', ['ci', '--omit=dev', '--ignore-scripts', '--cache', unfinished], { cwd: folder })
    keepFirst(unfinished, cache)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return cache
}

/** Of two suites that have made the same folder at once, the first one's stays. */
function keepFirst(made: string, place: string): void {
  try {
    renameSync(made, place)
  } catch (error) {
    if (!existsSync(place)) throw error
    rmSync(made, { recursive: true })
  }
}
