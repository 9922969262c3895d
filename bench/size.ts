/** Numbers of bytes. */

const MEBIBYTE = 1024 ** 2
const GIBIBYTE = 1024 ** 3

export function mebibytes(bytes: number): number {
  return bytes / MEBIBYTE
}

export function gibibytes(bytes: number): number {
  return bytes / GIBIBYTE
}

/** `1 GiB`, `16 MiB`. */
export function sizeOf(bytes: number): string {
  return bytes >= GIBIBYTE ? `${gibibytes(bytes)} GiB` : `${mebibytes(bytes)} MiB`
}
