/**
 * A small token server, as the ones that people run beside distribution's registry ("Docker Registry v2
 * authentication"): GET with Basic for everybody, POST as OAuth2 for those who try that first. It gives what is
 * asked for as far as its rules allow, never an error for lacking rights.
 */
import { SignJWT } from 'jose'

export interface TokenServer extends AsyncDisposable {
  /** Where tokens are to be had: the `realm`. */
  readonly realm: string
  /** The scopes that were asked for so far, and by whom. */
  readonly asked: readonly string[]
}

export interface SigningKey {
  readonly key: CryptoKey
  /** How the registry finds the key: `alg`, and one of `kid`, `x5c` and `jwk`. */
  readonly header: Readonly<Record<string, unknown>> & { readonly alg: string }
}

export interface TokenServerOptions {
  readonly issuer: string
  readonly service: string
  /** Signs the next token. */
  signing(): SigningKey
  /** Passwords by name. */
  readonly users: Readonly<Record<string, string>>
  /** What somebody may do with something; `user` is empty for who has not logged in. */
  allowed(user: string, type: string, name: string): readonly string[]
}

const LIVES_SECONDS = 300

export function startTokenServer(options: TokenServerOptions): TokenServer {
  const asked: string[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    routes: {
      '/token': async (request) => {
        const wish = request.method === 'POST' ? await oauthWish(request) : plainWish(request)
        if (wish.user !== '' && options.users[wish.user] !== wish.password) {
          return Response.json({ details: 'incorrect username or password' }, { status: 401 })
        }
        asked.push(`${wish.user || 'anonymous'} ${wish.scopes.join(' ')}`.trim())
        const token = await sign(options, wish)
        return Response.json({ token, access_token: token, expires_in: LIVES_SECONDS })
      },
    },
  })
  return {
    // By name: crane goes to no address of a private network that another host names.
    realm: `http://localhost:${server.port}/token`,
    asked,
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

interface Wish {
  readonly user: string
  readonly password: string
  readonly scopes: readonly string[]
}

function plainWish(request: Request): Wish {
  const scopes = new URL(request.url).searchParams.getAll('scope').flatMap((scope) => scope.split(' '))
  const [, encoded = ''] = (request.headers.get('authorization') ?? '').split(' ')
  const [user = '', ...password] = Buffer.from(encoded, 'base64').toString().split(':')
  return { user, password: password.join(':'), scopes }
}

async function oauthWish(request: Request): Promise<Wish> {
  const form = new URLSearchParams(await request.text())
  return {
    user: form.get('username') ?? '',
    password: form.get('password') ?? '',
    scopes: (form.get('scope') ?? '').split(' '),
  }
}

function sign(options: TokenServerOptions, { user, scopes }: Wish): Promise<string> {
  const { issuer, service, signing } = options
  const { key, header } = signing()
  return new SignJWT({ access: scopes.flatMap((scope) => granted(options, user, scope)) })
    .setProtectedHeader({ typ: 'JWT', ...header })
    .setIssuer(issuer)
    .setAudience(service)
    .setSubject(user)
    .setIssuedAt()
    .setNotBefore('0s')
    .setExpirationTime(`${LIVES_SECONDS}s`)
    .setJti(crypto.randomUUID())
    .sign(key)
}

/** The part of one scope that is allowed, as the claim `access` has it. */
function granted({ allowed }: TokenServerOptions, user: string, scope: string): object[] {
  const [, type, name, actions] = /^([a-z]+)(?:\([^)]*\))?:(.+):([a-z,*]+)$/.exec(scope) ?? []
  if (type === undefined || name === undefined || actions === undefined) return []
  const may = allowed(user, type, name)
  const given = actions.split(',').filter((action) => may.includes(action) || may.includes('*'))
  return [{ type, name, actions: given }]
}
