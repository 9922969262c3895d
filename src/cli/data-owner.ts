/**
 * Who a server should be: the owner of its data folder. `berth data-owner` tells the image's entrypoint, which
 * starts as root and becomes that user; and the server says in one line who it is, and why.
 */
import { readFile, stat } from 'node:fs/promises'
import { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { loadServerConfig, type ServerFlags, withServerArguments } from './server-config.ts'
import type { Terminal } from './terminal.ts'

export interface Owner {
  readonly user: number
  readonly group: number
}

/** Takes the arguments of `serve`; prints `user:group` in numbers, or nothing where there is no folder yet. */
export function dataOwnerCommand(terminal: Terminal): Command {
  return withServerArguments(new Command('data-owner')).action(
    async (file: string | undefined, flags: ServerFlags) => {
      const { config } = await loadServerConfig(terminal, file, flags)
      const owner = await findDataOwner(config.storage)
      if (owner !== null) terminal.print(`${owner.user}:${owner.group}\n`)
    },
  )
}

/** Null where nothing is kept in a folder, or the folder is not there yet. */
export async function findDataOwner({ driver }: Pick<Config['storage'], 'driver'>): Promise<Owner | null> {
  if (driver.kind !== 'filesystem') return null
  const found = await stat(driver.root).catch(() => null)
  return found === null ? null : { user: found.uid, group: found.gid }
}

/** One sentence about the user that this process runs as; null where the system has no users by number. */
export async function describeUser({ driver }: Pick<Config['storage'], 'driver'>): Promise<string | null> {
  const user = process.getuid?.()
  if (user === undefined) return null
  const owner = await findDataOwner({ driver })
  const root = driver.kind === 'filesystem' ? driver.root : ''
  const who = `running as ${user === 0 ? 'root' : `user ${user}`}`
  if (user === owner?.user) return `${who}, who owns ${root}${user === 0 ? HINT : await describeOverride()}`
  return owner === null ? who : `${who}; user ${owner.user} owns ${root}`
}

const HINT = '; for fewer rights start as another user, whose folder it then must be'
const DAC_OVERRIDE = 1n << 1n

/** Linux only: the right that the image's entrypoint leaves to a server that it has made somebody else. */
async function describeOverride(): Promise<string> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  const isLeft = (effective & DAC_OVERRIDE) !== 0n
  return isLeft ? ', and may use files of other owners (CAP_DAC_OVERRIDE)' : ''
}
