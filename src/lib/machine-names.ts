/** What other machines, and this one itself, may call this machine. */
import { hostname, networkInterfaces } from 'node:os'

/** Names and addresses that a certificate can have, in a fixed order: the machine's name first. */
export function machineNames(): string[] {
  return [...new Set([...hostNames(hostname()), 'localhost', ...addresses().sort()])]
}

/** Addresses under which other machines may reach this one, IPv4 first; without those of links, which need a zone. */
export function reachableAddresses(): string[] {
  const found = addresses().filter((address) => address !== '::1' && !address.startsWith('127.'))
  const isLong = (address: string) => address.includes(':')
  return [...found.filter((address) => !isLong(address)), ...found.filter(isLong)]
}

/** A short name is also announced in the network by many systems, with `.local` behind it (RFC 6762). */
function hostNames(name: string): string[] {
  const lower = name.toLowerCase()
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(lower)) return []
  return lower.includes('.') || lower === 'localhost' ? [lower] : [lower, `${lower}.local`]
}

function addresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .map(({ address }) => address)
    .filter((address) => !address.toLowerCase().startsWith('fe80:'))
}
