/** Header fields that an operator wants on every reply, checked once (RFC 9110 §5.1 and §5.5). */

/** A header cannot be sent. The message says which one and why. */
export class BadHeader extends Error {
  override readonly name = 'BadHeader'
}

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** They say where one message ends and the next one begins, or belong to one connection: the server's own affair. */
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * By lower-case name, with several values of a name on one line, as RFC 9110 §5.3 has it. Where a name stands there
 * twice, in capitals and without, the later one holds: it is the environment's. One without values is left out. Throws BadHeader.
 */
export function parseHeaderFields(
  given: Readonly<Record<string, readonly string[]>>,
): Readonly<Record<string, string>> {
  return Object.freeze(
    Object.fromEntries(
      Object.entries(given)
        .filter(([, values]) => values.length > 0)
        .map(parseField),
    ),
  )
}

function parseField([name, values]: [string, readonly string[]]): [string, string] {
  const field = name.toLowerCase()
  if (!NAME.test(name)) throw new BadHeader(`${JSON.stringify(name)} is no name of a header`)
  if (FRAMING.has(field)) throw new BadHeader(`${name} is set by the server itself; leave it out`)
  const line = values.map((value) => value.trim()).join(', ')
  if (!VALUE.test(line)) {
    throw new BadHeader(
      `${name} is ${JSON.stringify(line)}, and a header has neither line breaks nor other controls`,
    )
  }
  return [field, line]
}
