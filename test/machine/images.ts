/**
 * Images for a machine that cannot download any: a Debian that debootstrap makes, under the names of the base images
 * that Debian's ones stand in for, and others that add programs of this machine to it.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { toolCache } from '../tools/catalog.ts'
import { command } from '../tools/command.ts'
import type { Machine } from './machine.ts'

const SUITE = 'bookworm'
const DEBOOTSTRAP_TIMEOUT = 300_000
/** What Debian's slim images leave out, and what apt has downloaded. */
const LEFT_OUT = ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'var/cache/apt', 'var/lib/apt/lists']

/** Gives a Debian image each of these names. */
export async function importDebian(machine: Machine, names: readonly [string, ...string[]]): Promise<void> {
  const archive = await bringDebianArchive()
  const id = (await machine.run('docker', 'import', '--change', 'CMD ["bash"]', archive)).trim()
  for (const name of names) await machine.run('docker', 'tag', id, name)
}

/** Made once, from the mirror that apt uses; it takes half a minute. */
async function bringDebianArchive(): Promise<string> {
  const archive = join(toolCache(), `debian-${SUITE}-minbase.tar`)
  if (existsSync(archive)) return archive
  mkdirSync(toolCache(), { recursive: true })
  const folder = mkdtempSync(join(tmpdir(), 'berth-debian-'))
  try {
    const options = ['--variant=minbase', SUITE, join(folder, 'root')]
    await command('debootstrap', [...options, ...(await debianMirror())], { timeout: DEBOOTSTRAP_TIMEOUT })
    for (const path of LEFT_OUT) rmSync(join(folder, 'root', path), { recursive: true, force: true })
    await command('tar', ['-C', join(folder, 'root'), '-cf', join(folder, 'archive'), '.'])
    await command('mv', [join(folder, 'archive'), `${archive}.${process.pid}`])
    renameSync(`${archive}.${process.pid}`, archive)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return archive
}

/** The first that has the suite, as apt is set up here; none where debootstrap must know by itself. */
async function debianMirror(): Promise<string[]> {
  const targets = await command('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI) $(RELEASE) $(COMPONENT)',
    'Created-By: Packages',
  ])
  const found = targets.split('\n').map((line) => line.split(' '))
  const [uri] = found.find(([, release, component]) => release === SUITE && component === 'main') ?? []
  return uri === undefined ? [] : [uri]
}

export interface AddedFiles {
  /** Paths of this machine, with what they are to be in the image. */
  readonly copies: Readonly<Record<string, string>>
  /** Texts by the path that they get. */
  readonly texts?: Readonly<Record<string, string>>
  /** Lines of a Dockerfile after the files are there. */
  readonly instructions?: readonly string[]
}

/** Builds an image of a Debian one and these files. */
export async function addToImage(
  machine: Machine,
  base: string,
  name: string,
  added: AddedFiles,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-image-'))
  try {
    for (const [from, to] of Object.entries(added.copies)) {
      cpSync(from, join(folder, 'root', to), { recursive: true, verbatimSymlinks: true, dereference: false })
    }
    for (const [path, text] of Object.entries(added.texts ?? {})) {
      mkdirSync(dirname(join(folder, 'root', path)), { recursive: true })
      writeFileSync(join(folder, 'root', path), text)
      chmodSync(join(folder, 'root', path), 0o755)
    }
    const lines = [`FROM ${base}`, 'COPY root /', ...(added.instructions ?? [])]
    writeFileSync(join(folder, 'Dockerfile'), `${lines.join('\n')}\n`)
    await machine.run('docker', 'build', '-t', name, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
