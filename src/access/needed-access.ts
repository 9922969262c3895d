/**
 * What an action needs, in the words of tokens: `repository:team/app:pull`. These are the rights that a token
 * must have, the scope that a challenge asks for, and the detail of a refusal, as distribution has them
 * (its specification of token authentication, "Token Scope").
 */
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Action } from './authorize.ts'

export interface AccessRecord {
  readonly type: 'repository' | 'registry'
  readonly name: string
  readonly action: string
}

/** Whoever pushes may pull, so a token for pushing must say both. None for what names no repository, and for no valid one. */
const REPOSITORY_ACTIONS: Partial<Readonly<Record<Action, readonly string[]>>> = {
  pull: ['pull'],
  push: ['pull', 'push'],
  overwrite: ['pull', 'push'],
  delete: ['delete'],
}

const CATALOG: AccessRecord = { type: 'registry', name: 'catalog', action: '*' }

export function neededAccess(action: Action, repository: RepositoryName | null): readonly AccessRecord[] {
  if (action === 'list') return [CATALOG]
  if (repository === null) return []
  return (REPOSITORY_ACTIONS[action] ?? []).map((each) => ({
    type: 'repository',
    name: repository,
    action: each,
  }))
}

/** `repository:a/b:pull,push repository:c:pull`: one entry a resource, in the order in which they are needed. */
export function formatScope(records: readonly AccessRecord[]): string {
  const actions = new Map<string, Set<string>>()
  for (const { type, name, action } of records) {
    const resource = resourceOf(type, name)
    actions.set(resource, (actions.get(resource) ?? new Set()).add(action))
  }
  return [...actions].map(([resource, each]) => `${resource}:${[...each].join(',')}`).join(' ')
}

/** The key of a grant. */
export function resourceOf(type: string, name: string): string {
  return `${type}:${name}`
}
