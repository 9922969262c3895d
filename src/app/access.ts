/** Makes the configured way in. What it has to say to the operator goes to the log, and what it can reload is given. */
import { type Authenticator, OPEN, sillyAuthenticator } from '../access/authenticate.ts'
import { HtpasswdAuthenticator } from '../access/htpasswd/authenticator.ts'
import { complaintsOf } from '../access/htpasswd/mending.ts'
import { parsePasswordFile } from '../access/htpasswd/password-file.ts'
import { provisionPasswordFile } from '../access/htpasswd/provision.ts'
import type { AuthConfig, TokenAuthConfig } from '../config/config.ts'
import { codeOf, messageOf } from '../lib/thrown.ts'
import { FileUnreadable, WatchedFile } from '../lib/watched-file.ts'
import type { Log } from '../observability/log.ts'
import { AccessUnusable } from './access-unusable.ts'
import type { Reloadable } from './reload.ts'

export interface OpenedAccess {
  readonly authenticator: Authenticator
  readonly reloadables: readonly Reloadable[]
}

export async function openAccess(auth: AuthConfig, log: Log): Promise<OpenedAccess> {
  switch (auth.kind) {
    case 'open':
      return { authenticator: OPEN, reloadables: [] }
    case 'silly':
      return { authenticator: sillyAuthenticator(auth), reloadables: [] }
    case 'htpasswd':
      return openHtpasswd(auth, log)
    case 'token':
      return openToken(auth, log)
  }
}

/**
 * Once, before any process of this server asks anybody who they are: makes a missing htpasswd file, and tells the
 * operator what is wrong with it. Throws AccessUnusable.
 */
export async function prepareAccess(auth: AuthConfig, log: Log): Promise<void> {
  if (auth.kind !== 'htpasswd') return
  const { path } = auth
  try {
    const first = await provisionPasswordFile(path)
    // As registry:2 says it, for whoever greps for that.
    if (first !== null) log.warn({ ...first }, 'htpasswd is missing, provisioning with default user')
    const file = new WatchedFile({ path, parse: parsePasswordFile }).current()
    for (const complaint of complaintsOf(path, file)) log.warn({}, complaint)
  } catch (error) {
    throw new AccessUnusable(
      `The htpasswd file ${path} (auth.htpasswd.path) cannot be used: ${messageOf(error)}.${adviceFor(error, path)}`,
      { cause: error },
    )
  }
}

/** What helps where Berth may not read the file, or may not make it. */
function adviceFor(error: unknown, path: string): string {
  const cause = error instanceof FileUnreadable ? error.cause : error
  const code = codeOf(cause)
  if (code === 'EACCES' || code === 'EPERM') {
    return ` Berth runs as user ${process.getuid?.()}: let it read the file, and its folder.`
  }
  return code === 'EROFS' ? ` Make it where it can be written: berth htpasswd ${path} NAME.` : ''
}

function openHtpasswd(auth: Extract<AuthConfig, { kind: 'htpasswd' }>, log: Log): OpenedAccess {
  const authenticator = new HtpasswdAuthenticator({ ...auth, log })
  return { authenticator, reloadables: [{ name: 'the htpasswd file', reload: () => authenticator.reload() }] }
}

/** Loaded where tokens are used: certificates and signatures take libraries that others need not wait for. */
async function openToken(auth: TokenAuthConfig, log: Log): Promise<OpenedAccess> {
  // First, for in the executable modules run in another order than imports stand in.
  await import('reflect-metadata')
  const { openTokenAccess } = await import('./token-access.ts')
  return await openTokenAccess(auth, log)
}
