/** Berth with a login, in this process, on a free port of loopback: in memory, with everything else at its default. */
import { openAccess, prepareAccess } from '../../src/app/access.ts'
import type { AuthConfig } from '../../src/config/config.ts'
import { createLog } from '../../src/observability/log.ts'
import { openOciServer } from '../oci-server.ts'

export interface GuardedBerth extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** `127.0.0.1:<port>`: what stands before an image's name. */
  readonly host: string
  /** What the way in has logged so far. */
  log(): string
  /** Reads everything again that can be; gives what is wrong. */
  reload(): Promise<(string | null)[]>
}

export async function startGuardedBerth(auth: AuthConfig): Promise<GuardedBerth> {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'text', write: (line) => void lines.push(line) })
  await prepareAccess(auth, log)
  const { authenticator, reloadables } = await openAccess(auth, log)
  const server = await openOciServer({ authenticator })
  return {
    url: server.url,
    host: new URL(server.url).host,
    log: () => lines.join(''),
    reload: () => Promise.all(reloadables.map((each) => each.reload())),
    [Symbol.asyncDispose]: () => server.close(),
  }
}
