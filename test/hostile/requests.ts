/** Requests as bytes: a head with a Host, and a body with its true length unless the headers say otherwise. */

export interface Parts {
  /** As they stand on the wire, in this order; a name may come twice. */
  readonly headers?: readonly string[]
  readonly body?: string | Uint8Array
}

export function request(method: string, target: string, { headers = [], body = '' }: Parts = {}): Uint8Array {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const saysLength = headers.some((line) => /^(content-length|transfer-encoding)\b/i.test(line))
  const needsLength = !saysLength && (bytes.length > 0 || !/^(GET|HEAD|OPTIONS|TRACE|CONNECT)$/.test(method))
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(headers.some((line) => /^host:/i.test(line)) ? [] : ['Host: registry.test']),
    ...headers,
    ...(needsLength ? [`Content-Length: ${bytes.length}`] : []),
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes])
}

export function get(target: string, headers: readonly string[] = []): Uint8Array {
  return request('GET', target, { headers })
}

/** Puts bytes together that are no proper request: parts of one, or several. */
export function raw(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)))
}

/** A body in chunks, each with its right size. */
export function chunks(...bodies: readonly (string | Uint8Array)[]): Uint8Array {
  const framed = bodies.flatMap((body) => {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    return [Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]
  })
  return Buffer.concat([...framed, Buffer.from('0\r\n\r\n')])
}
