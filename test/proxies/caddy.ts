/** Caddy as a proxy, with the lines of docs/operate/behind-a-proxy.md. */
import { documentedBlock, withReplacements } from './documented.ts'
import type { ProxyProgram, Site } from './front.ts'

export function caddy(path: string): ProxyProgram {
  return { path, configure, arguments: (file) => ['run', '--adapter', 'caddyfile', '--config', file] }
}

/** Caddy would get certificates by itself: here it has one, and keeps to the loopback address. */
const QUIET = `{
    admin off
    auto_https disable_redirects
}
`

function configure({ port, upstream, certificate }: Site): string {
  const scheme = certificate === null ? 'http' : 'https'
  const tls = certificate === null ? '' : `\n    tls ${certificate.certificate} ${certificate.key}`
  const site = withReplacements(documentedBlock('Caddy'), {
    'registry.example.com {': `${scheme}://127.0.0.1:${port} {\n    bind 127.0.0.1${tls}`,
    '127.0.0.1:5000': upstream,
  })
  return QUIET + site
}
