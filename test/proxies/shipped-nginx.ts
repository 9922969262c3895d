/** deploy/nginx/berth.conf as it is shipped, with the test's names, ports and paths in place of the example's. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { withReplacements } from './documented.ts'
import type { Site } from './front.ts'

const FILE = join(import.meta.dir, '../../deploy/nginx/berth.conf')

/** Where the server of port 80 listens here, in the folder of the proxy. */
export const PLAIN_SOCKET = 'plain.sock'

export function shippedBlocks({ port, upstream, certificate }: Site, folder: string): string {
  const replacements = {
    'server 127.0.0.1:5000;': `server ${upstream};`,
    'listen 80;': `listen unix:${join(folder, PLAIN_SOCKET)};`,
    'listen 443 ssl;': `listen 127.0.0.1:${port} ssl;`,
    '/etc/ssl/registry.example.com/fullchain.pem': certificate?.certificate ?? '',
    '/etc/ssl/registry.example.com/privkey.pem': certificate?.key ?? '',
    'server_name registry.example.com;': 'server_name 127.0.0.1;',
  }
  return withReplacements(readFileSync(FILE, 'utf8'), replacements)
}
