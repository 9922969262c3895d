import { expect, test } from 'bun:test'
import { parseRepositoryName } from '../oci/repository-name.ts'
import { ACTIONS, can, visibleTo } from './authorize.ts'
import { ANONYMOUS } from './principal.ts'

test('without accounts everybody may do everything, as with registry:2', () => {
  for (const action of ACTIONS) {
    expect(can(ANONYMOUS, action, parseRepositoryName('team/app'))).toBe(true)
    expect(can(ANONYMOUS, action, null)).toBe(true)
  }
  expect(visibleTo(ANONYMOUS)).toEqual({ kind: 'everything' })
})
