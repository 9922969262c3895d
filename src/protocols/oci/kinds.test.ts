import { expect, test } from 'bun:test'
import { OCI_ROUTES } from './handler.ts'
import { kindOf, REQUEST_KINDS, variablesOf } from './kinds.ts'

test('every route but that of load balancers has a kind, and every kind a route', () => {
  const kinds = OCI_ROUTES.filter(({ pattern }) => pattern !== '/').map(({ pattern }) => kindOf(pattern))
  expect(new Set(kinds)).toEqual(new Set(REQUEST_KINDS))
  expect(kindOf('/')).toBeNull()
})

test("the names in an address are registry:2's", () => {
  expect(variablesOf({ name: 'team/app', upload: 'u-1' })).toEqual({ name: 'team/app', uuid: 'u-1' })
  expect(variablesOf({ name: 'team/app', digest: 'd' })).toEqual({ name: 'team/app', digest: 'd' })
})
