import { expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestOf } from '../../oci/digest.ts'
import { helloProgram } from './hello-program.ts'
import { makeDemoImage, type Piece } from './image.ts'

const image = makeDemoImage()

function parse(piece: Piece | undefined) {
  return JSON.parse(new TextDecoder().decode(piece?.bytes))
}

test('the demo image has the same digest on every machine and every day', () => {
  expect(image.index.digest as string).toBe(
    'sha256:bd905f6c53ec08f56acf833130d879edfdebf3b339dd78769e68c484130866be',
  )
})

test('everything that the image refers to is part of it, with its digest and size', () => {
  const pieces = new Map([...image.blobs, ...image.manifests].map((piece) => [piece.digest as string, piece]))
  const manifests = parse(image.index).manifests
  expect(manifests.map((each: { platform: unknown }) => each.platform)).toEqual([
    { architecture: 'amd64', os: 'linux' },
    { architecture: 'arm64', os: 'linux' },
  ])
  for (const { digest } of manifests) {
    const { config, layers } = parse(pieces.get(digest))
    expect(parse(pieces.get(config.digest)).rootfs.diff_ids).toEqual([layers[0].digest])
    for (const named of [config, ...layers]) {
      const bytes = pieces.get(named.digest)?.bytes ?? new Uint8Array()
      expect<string>(digestOf(bytes)).toBe(named.digest)
      expect(bytes.length).toBe(named.size)
    }
  }
})

test('its layers are archives with the program in them', async () => {
  const layers = image.blobs.filter(({ mediaType }) => mediaType.includes('layer'))
  expect(layers).toHaveLength(2)
  for (const { bytes } of layers) {
    const files = await new Bun.Archive(bytes).files()
    expect([...files.keys()]).toEqual(['hello'])
    const program = await files.get('hello')?.bytes()
    expect(new TextDecoder().decode(program)).toContain('Hello from Berth!')
  }
})

// Only Linux runs Linux programs; there, the machine's own architecture is proved.
if (process.platform === 'linux') {
  test('the program prints its text and ends well', () => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-hello-'))
    const path = join(folder, 'hello')
    writeFileSync(path, helloProgram(process.arch === 'arm64' ? 'arm64' : 'amd64', 'hello there\n'))
    chmodSync(path, 0o755)
    const { exitCode, stdout } = Bun.spawnSync([path])
    rmSync(folder, { recursive: true })
    expect(stdout.toString()).toBe('hello there\n')
    expect(exitCode).toBe(0)
  })
}

test('the program for arm64 is the machine code that an assembler makes', () => {
  const code = new DataView(helloProgram('arm64', 'x'.repeat(300)).buffer, 120, 32)
  expect(Array.from({ length: 8 }, (_, index) => code.getUint32(index * 4, true))).toEqual([
    0xd2800020, // mov x0, #1
    0x100000e1, // adr x1, . + 28
    0xd2802582, // mov x2, #300
    0xd2800808, // mov x8, #64
    0xd4000001, // svc #0
    0xd2800000, // mov x0, #0
    0xd2800ba8, // mov x8, #93
    0xd4000001, // svc #0
  ])
})
