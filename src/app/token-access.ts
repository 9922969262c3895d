/** Makes the way in of an external token server: its keys from where the configuration says, and what checks with them. */
import { SAFE_ALGORITHMS, TokenAuthenticator } from '../access/token/authenticator.ts'
import {
  FileKeySource,
  joined,
  type KeySource,
  parseKeySet,
  parseRootBundle,
} from '../access/token/key-sources.ts'
import { RemoteKeySource } from '../access/token/remote-key-source.ts'
import type { TokenAuthConfig } from '../config/config.ts'
import type { Log } from '../observability/log.ts'
import type { OpenedAccess } from './access.ts'
import { AccessUnusable } from './access-unusable.ts'

/** Throws AccessUnusable. */
export async function openTokenAccess(auth: TokenAuthConfig, log: Log): Promise<OpenedAccess> {
  const authenticator = new TokenAuthenticator({
    realm: auth.realm ?? auth.autoRedirectPath ?? '',
    service: auth.service,
    issuer: auth.issuer,
    algorithms: auth.signingAlgorithms ?? SAFE_ALGORITHMS,
    keys: joined(await openKeys(auth, log)),
    log,
  })
  const reloadables = [{ name: 'the keys of tokens', reload: () => authenticator.reload() }]
  return { authenticator, reloadables }
}

/** Files must be readable now; a URL may belong to a token server that starts later. */
async function openKeys({ rootCertificates, jwks }: TokenAuthConfig, log: Log): Promise<KeySource[]> {
  const files: FileKeySource[] = []
  if (rootCertificates !== null)
    files.push(new FileKeySource({ path: rootCertificates, parse: parseRootBundle, log }))
  if (jwks !== null && !isUrl(jwks)) files.push(new FileKeySource({ path: jwks, parse: parseKeySet, log }))
  for (const file of files) {
    const problem = await file.reload()
    if (problem !== null)
      throw new AccessUnusable(`The keys of tokens (auth.token) cannot be used: ${problem}.`)
  }
  return jwks !== null && isUrl(jwks) ? [...files, openRemoteKeys(jwks, log)] : files
}

function openRemoteKeys(url: string, log: Log): KeySource {
  if (!URL.canParse(url))
    throw new AccessUnusable(`auth.token.jwks is ${JSON.stringify(url)}, which is no URL.`)
  const remote = new RemoteKeySource({ url, log })
  void remote.reload().then((problem) => {
    if (problem !== null) log.warn({}, `${problem}. It is tried again when a token comes.`)
  })
  return remote
}

function isUrl(place: string): boolean {
  return /^https?:\/\//.test(place)
}
