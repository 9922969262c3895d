/**
 * nginx as a proxy: a whole configuration around the lines that a test is about.
 */
import type { ProxyProgram, Site } from './front.ts'

/** `blocks` are what stands in `http`. */
export function nginxWith(path: string, blocks: (site: Site, folder: string) => string): ProxyProgram {
  return {
    path,
    configure: (site, folder) => configuration(blocks(site, folder), folder),
    arguments: (file) => ['-c', file, '-g', 'daemon off;'],
  }
}

/** All that nginx would write elsewhere stands in the folder. */
function configuration(blocks: string, folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `worker_processes 1;
pid ${folder}/pid;
error_log stderr;
events {
    worker_connections 1024;
}
http {
    access_log off;
${temporary.map((each) => `    ${each}_temp_path ${folder}/${each};`).join('\n')}

${blocks}
}
`
}

/** A server of one location, with TLS where the site has a certificate. */
export function server(site: Site, location: string): string {
  return `
    server {
        listen 127.0.0.1:${site.port}${site.certificate === null ? '' : ' ssl'};
${tlsLines(site)}
${location}
    }`
}

function tlsLines({ certificate }: Site): string {
  if (certificate === null) return ''
  return `
        ssl_certificate ${certificate.certificate};
        ssl_certificate_key ${certificate.key};`
}

/** As the upstream stands in `proxy_pass`. */
export function address({ upstream }: Site): string {
  return upstream.startsWith('unix:') ? `http://${upstream}:` : `http://${upstream}`
}
