/**
 * Writes and reads the plain tar archives that image layers are: regular files only, names under 100 bytes,
 * fixed times and owners, so that the same files always give the same bytes.
 */
const BLOCK = 512
const text = new TextEncoder()

export type Files = ReadonlyMap<string, Uint8Array>

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`
}

function put(header: Uint8Array, offset: number, value: string): void {
  header.set(text.encode(value), offset)
}

function headerOf(name: string, size: number): Uint8Array {
  const header = new Uint8Array(BLOCK)
  put(header, 0, name)
  put(header, 100, octal(0o644, 8))
  put(header, 108, octal(0, 8))
  put(header, 116, octal(0, 8))
  put(header, 124, octal(size, 12))
  put(header, 136, octal(1_700_000_000, 12))
  put(header, 148, '        ')
  put(header, 156, '0')
  put(header, 257, 'ustar\x0000')
  const checksum = header.reduce((sum, byte) => sum + byte, 0)
  put(header, 148, `${checksum.toString(8).padStart(6, '0')}\0 `)
  return header
}

/** An uncompressed archive of the files, in the order of the map. */
export function writeTar(files: Files): Uint8Array<ArrayBuffer> {
  const parts = [...files].flatMap(([name, bytes]) => [
    headerOf(name, bytes.length),
    bytes,
    new Uint8Array((BLOCK - (bytes.length % BLOCK)) % BLOCK),
  ])
  return new Uint8Array(Buffer.concat([...parts, new Uint8Array(2 * BLOCK)]))
}

function fieldOf(header: Uint8Array, offset: number, length: number): string {
  const field = Buffer.from(header.subarray(offset, offset + length)).toString('utf8')
  return field.split('\0', 1).join('').trim()
}

/** The regular files of an archive; names lose a leading `./` or `/`. */
export function readTar(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  let offset = 0
  while (offset + BLOCK <= archive.length) {
    const header = archive.subarray(offset, offset + BLOCK)
    const name = fieldOf(header, 0, 100)
    if (name === '') break
    const size = Number.parseInt(fieldOf(header, 124, 12), 8)
    const type = fieldOf(header, 156, 1)
    const start = offset + BLOCK
    if (type === '0' || type === '') {
      files.set(name.replace(/^\.?\//, ''), archive.subarray(start, start + size))
    }
    offset = start + Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}
