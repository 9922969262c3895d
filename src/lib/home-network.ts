/**
 * The network of an address that one customer has, so that nobody counts as many: of IPv6 the first 64 bits, in which
 * a single machine may take whichever addresses it likes (RFC 4291 §2.5.1); of IPv4 the address itself.
 */
export function homeNetwork(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const [left, right] = [groups(head), groups(tail ?? '')]
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  const whole = tail === undefined ? left : [...left, ...zeros, ...right]
  return `${whole
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}

function groups(text: string): string[] {
  return text === '' ? [] : text.split(':')
}
