/** What `npm run build` makes: the executable for each platform of the image, under each of its names. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import packageFile from '../../package.json'
import { IMAGE_PLATFORMS } from '../../scripts/bun-platforms.ts'
import { USUAL_FILES } from '../../src/config/file.ts'
import { startBerth } from '../berth-server.ts'
import { command } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'

setDefaultTimeout(60_000)

const folder = mkdtempSync(join(tmpdir(), 'berth-executables-'))
/** The machine that a program is for, in the header of its file (ELF, `e_machine`). */
const MACHINE_OFFSET = 18
const MACHINES = { 'linux-amd64': 62, 'linux-arm64': 183 } as const

const native = join(folder, 'berth')

async function build(outfile: string, ...args: string[]): Promise<void> {
  const script = join(import.meta.dir, '../../scripts/build.ts')
  await command(process.execPath, [script, '--outfile', outfile, ...args])
}

beforeAll(async () => {
  await build(native)
  for (const { name } of IMAGE_PLATFORMS) await build(join(folder, `berth-${name}`), '--platform', name)
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.each(Object.entries(MACHINES))('there is an executable for %s', (platform, machine) => {
  const header = readFileSync(join(folder, `berth-${platform}`)).subarray(0, 64)
  expect(header.subarray(0, 4).toString('latin1')).toBe('\x7fELF')
  expect(header.readUInt16LE(MACHINE_OFFSET)).toBe(machine)
})

describeWith('the executable for linux-arm64 (qemu)', ['qemu-aarch64', 'ld-linux-aarch64.so.1'], (tools) => {
  test('serves', async () => {
    const libraries = dirname(dirname(tools['ld-linux-aarch64.so.1']))
    const program = [tools['qemu-aarch64'], '-L', libraries, join(folder, 'berth-linux-arm64')]
    expect(await command(program[0] ?? '', [...program.slice(1), 'version'])).toContain('linux arm64\n')
    await using berth = await startBerth({ program, readyWithinMilliseconds: 60_000 })
    expect(await (await fetch(`${berth.url}/v2/`)).text()).toBe('{}')
  })
})

describe('under the name registry', () => {
  const config = join(folder, 'registry.yml')
  writeFileSync(config, 'version: 0.1\nstorage: inmemory\nhttp:\n  addr: 127.0.0.1:0\n')

  /** A link and a copy, each called registry. */
  function names(): string[] {
    return [symlinkSync, copyFileSync].map((give) => {
      const path = join(mkdtempSync(join(folder, 'name-')), 'registry')
      give(native, path)
      return path
    })
  }

  test('it tells its version as registry, and helps with registry', async () => {
    for (const registry of names()) {
      expect(await command(registry, ['--version'])).toBe(`registry berth ${packageFile.version}\n`)
      expect(await command(registry, ['-v'])).toBe(`registry berth ${packageFile.version}\n`)
      for (const args of [[], ['help'], ['--help']])
        expect(await command(registry, args)).toContain('registry serve')
    }
  })

  test('it serves a configuration file, with the word serve and without', async () => {
    for (const program of names()) {
      for (const args of [['serve', config], [config]]) {
        const child = Bun.spawn([program, ...args], { stdout: 'ignore', stderr: 'pipe', cwd: folder })
        for await (const text of child.stderr.pipeThrough(new TextDecoderStream()))
          if (text.includes('listening on')) break
        child.kill('SIGTERM')
        expect(await child.exited).toBe(0)
      }
    }
  })
})

describeWith('where nobody names a configuration file', ['unshare'], ({ unshare }) => {
  /** What runs a program with an /etc of its own, which has the usual files that are named, and no others. */
  function withFiles(files: readonly string[], program: string): string[] {
    const etc = mkdtempSync(join(folder, 'etc-'))
    for (const file of files) {
      const path = join(etc, file.slice('/etc'.length))
      mkdirSync(dirname(path), { recursive: true })
      const lines = ['version: 0.1', 'storage: inmemory', 'http:', '  addr: 127.0.0.1:0']
      writeFileSync(path, [...lines, 'log:', '  fields:', `    file: ${file}`, ''].join('\n'))
    }
    return [unshare, '--mount', 'sh', '-c', 'mount --bind "$0" /etc && exec "$@"', etc, program]
  }

  function asRegistry(): string {
    const path = join(mkdtempSync(join(folder, 'name-')), 'registry')
    symlinkSync(native, path)
    return path
  }

  const [OF_3, OF_2] = USUAL_FILES
  test.each([
    ['that of registry:2', [OF_2], OF_2],
    ['that of registry:3', [OF_3], OF_3],
    ['that of registry:3 before the other', [OF_2, OF_3], OF_3],
  ])('registry serves with %s', async (_, files, used) => {
    const child = Bun.spawn([...withFiles(files, asRegistry()), 'serve'], {
      stdout: 'ignore',
      stderr: 'pipe',
      cwd: folder,
    })
    let log = ''
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      log += text
      if (log.includes('listening on')) break
    }
    child.kill('SIGTERM')
    expect(await child.exited).toBe(0)
    expect(log).toContain(`settings from ${used}`)
    expect(log).toContain(`file=${used}`)
  })

  test('berth reads neither', async () => {
    const shown = async (program: string) => {
      const [run = '', ...args] = withFiles(USUAL_FILES, program)
      return await command(run, [...args, 'config', 'show'])
    }
    expect(await shown(asRegistry())).toContain(OF_3)
    expect(await shown(native)).not.toContain('/etc/')
  })
})
