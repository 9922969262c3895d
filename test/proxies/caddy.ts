/** Caddy as a proxy, with the lines of docs/operate/behind-a-proxy.md. */
import type { ProxyProgram, Site } from './front.ts'

export function caddy(path: string): ProxyProgram {
  return { path, configure, arguments: (file) => ['run', '--adapter', 'caddyfile', '--config', file] }
}

/** Caddy would get certificates by itself: here it has one, and keeps to the loopback address. */
function configure({ port, upstream, certificate }: Site): string {
  const scheme = certificate === null ? 'http' : 'https'
  const tls = certificate === null ? '' : `tls ${certificate.certificate} ${certificate.key}`
  return `{
    admin off
    auto_https disable_redirects
}

${scheme}://127.0.0.1:${port} {
    bind 127.0.0.1
    ${tls}
    reverse_proxy ${upstream.replace('unix:', 'unix/')}
}
`
}
