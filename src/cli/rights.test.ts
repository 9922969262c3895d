import { expect, test } from 'bun:test'
import type { AuthConfig, Config } from '../config/config.ts'
import { describeRights } from './rights.ts'

const STORAGE: Config['storage'] = { driver: { kind: 'memory' }, deleteEnabled: true, readOnly: false }
const HTPASSWD: AuthConfig = { kind: 'htpasswd', realm: 'x', path: '/auth/htpasswd' }

test.each([
  [{ kind: 'open' }, {}, true, 'anybody may pull, push, overwrite and delete, without a login'],
  [{ kind: 'open' }, { deleteEnabled: false }, true, 'anybody may pull, push and overwrite, without a login'],
  [{ kind: 'open' }, { readOnly: true }, true, 'anybody may pull, without a login'],
  [HTPASSWD, {}, false, 'every user in /auth/htpasswd may pull, push, overwrite and delete'],
  [HTPASSWD, { deleteEnabled: false }, false, 'every user in /auth/htpasswd may pull, push and overwrite'],
  [
    { kind: 'silly', realm: 'x', service: 'y' },
    {},
    true,
    'whoever sends any Authorization header may pull, push, overwrite and delete (auth.silly is for trying out clients)',
  ],
  [
    {
      kind: 'token',
      realm: 'x',
      service: 'y',
      issuer: 'auth.example',
      autoRedirectPath: null,
      rootCertificates: null,
      jwks: null,
      signingAlgorithms: null,
    },
    {},
    false,
    'whoever brings a token of auth.example may do what it says',
  ],
] as const satisfies readonly (readonly [AuthConfig, Partial<Config['storage']>, boolean, string])[])(
  'with %j and %j it is loud: %p, and says: %s',
  (auth, storage, isOpen, sentence) => {
    expect(describeRights({ auth, storage: { ...STORAGE, ...storage } })).toEqual({ isOpen, sentence })
  },
)
