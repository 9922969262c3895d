/** HAProxy as a proxy, with the lines of docs/operate/behind-a-proxy.md. */
import type { ProxyProgram, Site } from './front.ts'

export function haproxy(path: string): ProxyProgram {
  return { path, configure, arguments: (file) => ['-db', '-f', file] }
}

function configure({ port, upstream, certificate }: Site): string {
  const tls = certificate === null ? '' : ` ssl crt ${certificate.both} alpn h2,http/1.1`
  return `
defaults
    mode http
    option forwardfor
    timeout connect 5s
    timeout client 900s
    timeout server 900s

frontend registry
    bind 127.0.0.1:${port}${tls}
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-request set-header X-Forwarded-Proto http if !{ ssl_fc }
    default_backend berth

backend berth
    server berth ${upstream.replace('unix:', 'unix@')}
`
}
