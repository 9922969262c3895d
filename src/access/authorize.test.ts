/** The one decision: who may do what. */
import { describe, expect, test } from 'bun:test'
import { parseRepositoryName } from '../oci/repository-name.ts'
import { ACTIONS, type Action, can, readableBy, visibleTo } from './authorize.ts'
import { ANONYMOUS, EVERYBODY, type Principal } from './principal.ts'

const NAME = parseRepositoryName('team/app')
const OTHER = parseRepositoryName('team/other')
const alice: Principal = { kind: 'user', name: 'alice' }

function bearer(grants: Record<string, readonly string[]>): Principal {
  const entries = Object.entries(grants).map(([resource, actions]) => [resource, new Set(actions)] as const)
  return { kind: 'token', name: 'alice', grants: new Map(entries) }
}

function allowed(principal: Principal, repository = NAME): Action[] {
  return ACTIONS.filter((action) => can(principal, action, repository))
}

test.each([
  ['without a login, where none is asked for, everybody', EVERYBODY],
  ['every user of the htpasswd file', alice],
])('%s may do everything, as with registry:2', (_, principal) => {
  for (const action of ACTIONS) {
    expect(can(principal, action, NAME)).toBe(true)
    expect(can(principal, action, null)).toBe(true)
  }
  expect(visibleTo(principal)).toEqual({ kind: 'everything' })
  expect(readableBy(principal)).toEqual({ kind: 'everything' })
})

test('who has not logged in where one must may ask whether anybody is there, and nothing else', () => {
  expect(allowed(ANONYMOUS)).toEqual(['probe'])
  expect(readableBy(ANONYMOUS)).toEqual({ kind: 'repositories', names: [] })
  expect(visibleTo(ANONYMOUS)).toEqual({ kind: 'repositories', names: [] })
})

describe('a token', () => {
  test.each([
    [{}, ['probe', 'ping']],
    [{ 'repository:team/app': ['pull'] }, ['probe', 'ping', 'pull']],
    [{ 'repository:team/app': ['push'] }, ['probe', 'ping']],
    [{ 'repository:team/app': ['pull', 'push'] }, ['probe', 'ping', 'pull', 'push', 'overwrite']],
    [{ 'repository:team/app': ['delete'] }, ['probe', 'ping', 'delete']],
    [{ 'repository:team/app': ['*'] }, ['probe', 'ping', 'pull', 'push', 'overwrite', 'delete']],
    [{ 'registry:catalog': ['*'] }, ['probe', 'ping', 'list']],
    [{ 'registry:catalog': ['pull'] }, ['probe', 'ping']],
    [{ 'repository:*': ['*'] }, ['probe', 'ping']],
    [{ 'plugin:team/app': ['*'] }, ['probe', 'ping']],
  ] as const)('with %j allows %j', (grants, actions) => {
    expect(allowed(bearer(grants))).toEqual([...actions])
    expect(allowed(bearer(grants), OTHER).filter((each) => each !== 'list')).toEqual(['probe', 'ping'])
  })

  test('reads blobs from where it may pull, and from nowhere else', () => {
    const principal = bearer({
      'repository:team/app': ['pull', 'push'],
      'repository:team/other': ['push'],
      'repository:third': ['*'],
      'repository:Not A Name': ['pull'],
      'registry:catalog': ['*'],
    })
    expect(readableBy(principal)).toEqual({
      kind: 'repositories',
      names: [NAME, parseRepositoryName('third')],
    })
  })

  test('lists all repositories where it may list any, as in registry:2', () => {
    expect(visibleTo(bearer({ 'registry:catalog': ['*'] }))).toEqual({ kind: 'everything' })
    expect(visibleTo(bearer({ 'repository:team/app': ['pull'] }))).toEqual({
      kind: 'repositories',
      names: [NAME],
    })
  })
})
