/** A tar archive of one file (POSIX ustar), with nothing in it that differs from one day or machine to the next. */

const BLOCK = 512

/** An archive with one executable file, owned by root, of 1970. */
export function tarOfOneProgram(name: string, content: Uint8Array): Uint8Array {
  const padded = Math.ceil(content.length / BLOCK) * BLOCK
  const archive = new Uint8Array(BLOCK + padded + 2 * BLOCK) // Two empty blocks end it.
  archive.set(header(name, content.length))
  archive.set(content, BLOCK)
  return archive
}

function header(name: string, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK)
  const put = (offset: number, text: string) => block.set(new TextEncoder().encode(text), offset)
  put(0, name)
  put(100, '0000755\0')
  put(108, '0000000\0')
  put(116, '0000000\0')
  put(124, `${size.toString(8).padStart(11, '0')}\0`)
  put(136, '00000000000\0')
  put(148, '        ') // The checksum counts its own field as spaces.
  put(156, '0') // a regular file
  put(257, 'ustar\x0000')
  const sum = block.reduce((total, byte) => total + byte, 0)
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `)
  return block
}
