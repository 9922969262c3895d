/**
 * The images that the tutorials download: Berth's under the registry's names, and stand-ins for the others.
 * With TEST_STAND_IN=docker-registry the registry is Debian's, which shows that a journey itself is right.
 */
import { chmodSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { helloProgram } from '../../src/cli/demo/hello-program.ts'
import { bringBerthImage } from '../machine/berth-image.ts'
import { addToImage, importDebian } from '../machine/images.ts'
import type { Machine } from '../machine/machine.ts'
import { command } from '../tools/command.ts'
import { findTool } from '../tools/find-tool.ts'

const deploy = join(import.meta.dir, '../../deploy/image')
const BASE = 'debian:bookworm-slim'

/** True when the registry is Debian's, which tells less. */
export const isStandIn = process.env['TEST_STAND_IN'] === 'docker-registry'

/** Gives the machine the registry's image under each of the names that people know it by. */
export async function bringRegistryImage(machine: Machine): Promise<void> {
  const names = ['registry:2', 'registry:latest'] as const
  if (!isStandIn) return bringBerthImage(machine, names)
  await importDebian(machine, [BASE])
  await addToImage(machine, BASE, names[0], {
    copies: {
      [findTool('docker-registry') ?? '']: '/usr/bin/registry',
      [join(deploy, 'entrypoint.sh')]: '/entrypoint.sh',
    },
    texts: { '/etc/docker/registry/config.yml': await Bun.file(join(deploy, 'config.yml')).text() },
    instructions: ['ENTRYPOINT ["/entrypoint.sh"]', 'CMD ["serve", "/etc/docker/registry/config.yml"]'],
  })
  await machine.run('docker', 'tag', names[0], names[1])
}

/** A Debian, for what only has to have a shell. */
export function bringUbuntuImage(machine: Machine): Promise<void> {
  return importDebian(machine, ['ubuntu'])
}

/** Debian's nginx. */
export async function bringNginxImage(machine: Machine): Promise<void> {
  await importDebian(machine, [BASE])
  const nginx = findTool('nginx') ?? ''
  const libraries = [...(await command('ldd', [nginx])).matchAll(/(\/\S+) \(0x/g)].map(
    ([, path = '']) => path,
  )
  await addToImage(machine, BASE, 'nginx:latest', {
    copies: { [nginx]: nginx, ...Object.fromEntries(libraries.map((path) => [path, inUsr(path)])) },
    instructions: [
      'RUN mkdir -p /etc/nginx /var/log/nginx /var/lib/nginx',
      'CMD ["nginx", "-g", "daemon off;"]',
    ],
  })
}

/** Debian's /lib is a link to /usr/lib, which a folder of that name would replace. */
function inUsr(path: string): string {
  return path.replace(/^\/lib/, '/usr/lib')
}

/** One small program that greets. */
export async function bringHelloImage(machine: Machine): Promise<void> {
  const program = join(tmpdir(), `hello-${crypto.randomUUID()}`)
  writeFileSync(
    program,
    helloProgram(process.arch === 'arm64' ? 'arm64' : 'amd64', 'Hello from a container.\n'),
  )
  chmodSync(program, 0o755)
  await addToImage(machine, 'scratch', 'hello-world:latest', {
    copies: { [program]: '/hello' },
    instructions: ['CMD ["/hello"]'],
  })
}
