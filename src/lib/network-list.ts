/**
 * A list of addresses and networks, such as an operator writes it (`10.0.0.0/8`, `::1`), and whether an address is
 * in it. Parsed once; a question costs less than a microsecond.
 */
import { BlockList, isIP } from 'node:net'

/** An entry is neither an address nor a network. The message says which one, and what to write. */
export class BadNetwork extends Error {
  override readonly name = 'BadNetwork'
}

export interface NetworkList {
  /** An IPv4 or IPv6 address; an IPv4 address in IPv6's clothes (`::ffff:10.0.0.1`) counts as IPv4. */
  includes(address: string): boolean
}

const PREFIX_LENGTH = /^\d{1,3}$/

/** Throws BadNetwork. */
export function parseNetworkList(entries: readonly string[]): NetworkList {
  const list = new BlockList()
  for (const entry of entries) add(list, entry)
  return { includes: (address) => isIP(address) !== 0 && list.check(address, familyOf(address)) }
}

function add(list: BlockList, entry: string): void {
  const [address = '', length] = entry.trim().split('/', 2)
  const isWhole = isIP(address) !== 0 && entry.split('/').length <= 2
  const longest = isIP(address) === 4 ? 32 : 128
  const bits = length === undefined ? longest : PREFIX_LENGTH.test(length) ? Number(length) : Infinity
  if (!isWhole || bits > longest) {
    throw new BadNetwork(
      `${JSON.stringify(entry)} is no address and no network: write one such as 192.0.2.7, 10.0.0.0/8 or fd00::/8`,
    )
  }
  list.addSubnet(address, bits, familyOf(address))
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4'
}
