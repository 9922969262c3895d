/** HAProxy as a proxy, with the lines of docs/operate/behind-a-proxy.md. */
import { documentedBlock, withReplacements } from './documented.ts'
import type { ProxyProgram, Site } from './front.ts'

export function haproxy(path: string): ProxyProgram {
  return { path, configure, arguments: (file) => ['-db', '-f', file] }
}

function configure({ port, upstream, certificate }: Site): string {
  const tls = certificate === null ? '' : ` ssl crt ${certificate.both} alpn h2,http/1.1`
  return withReplacements(documentedBlock('HAProxy'), {
    'bind :443 ssl crt /etc/haproxy/registry.example.com.pem alpn h2,http/1.1': `bind 127.0.0.1:${port}${tls}`,
    '127.0.0.1:5000': upstream,
  })
}
