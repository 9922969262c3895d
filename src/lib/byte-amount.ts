/** Amounts of bytes as people write them: `512K`, `64MB`, `1.5GiB`, `1000000`. Each K is 1024, as for most tools. */

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

/** In whole bytes; null for what is no such amount. */
export function parseByteAmount(text: string): number | null {
  const [, number = '', unit = ''] =
    /^(\d{1,12}(?:\.\d{1,3})?) ?(?:([kmgt])(?:i?b)?|b)?$/i.exec(text.trim()) ?? []
  const size = UNITS[unit.toLowerCase()]
  return number === '' || size === undefined ? null : Math.round(Number(number) * size)
}
