/**
 * The lines that tutorials for `registry:2` tell people to put into nginx, as they stand there. Only names, ports and
 * paths are those of the test.
 */
import type { Site } from './front.ts'
import { address, server } from './nginx.ts'

/** The block that dozens of tutorials copied from distribution's documentation. Body sizes are set beside it. */
export function oldDockerBlock(site: Site): string {
  const location = `
location / {
    # Do not allow connections from docker 1.5 and earlier
    # docker pre-1.6.0 did not properly set the user agent on ping, catch "Go *" user agents
    if ($http_user_agent ~ "^(docker\\/1\\.(3|4|5(?!\\.[0-9]-dev))|Go ).*$" ) {
      return 404;
    }

    proxy_pass                          ${address(site)};
    proxy_set_header  Host              $http_host;   # required for docker client's sake
    proxy_set_header  X-Real-IP         $remote_addr; # pass on real client's IP
    proxy_set_header  X-Forwarded-For   $proxy_add_x_forwarded_for;
    proxy_set_header  X-Forwarded-Proto $scheme;
    proxy_read_timeout                  900;
}
`
  return `client_max_body_size 2000M;\n${server(site, location)}`
}

/** A newer one, for nginx in a container beside the registry's. */
export function composeServer(site: Site): string {
  const tls = site.certificate
  return `
upstream registry {
server ${site.upstream};
}
server {
server_name 127.0.0.1;
listen ${site.port}${tls === null ? '' : ' ssl'};
${tls === null ? '' : `ssl_certificate ${tls.certificate};\nssl_certificate_key ${tls.key};`}
location / {
# Важный параметр для больших образов.
client_max_body_size 1000m;
proxy_pass http://registry;
proxy_set_header Host $http_host;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_read_timeout 900;
}
}
`
}
