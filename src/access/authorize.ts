/**
 * Who may do what: the one place that decides. Every route names the action it needs; nothing else in the
 * program asks for rights, save for what a use case must know of them inside its transaction.
 *
 * There are no accounts yet: the registry is open, as distribution's is without an `auth` section.
 */
import type { Scope } from '../metadata/repositories.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Principal } from './principal.ts'

/**
 * `ping` is for what names no repository; `list` reads the names of repositories; `pull` and `push` are what
 * clients ask tokens for; `overwrite` moves an existing tag; `delete` removes manifests, tags and blob links.
 */
export const ACTIONS = ['ping', 'list', 'pull', 'push', 'overwrite', 'delete'] as const
export type Action = (typeof ACTIONS)[number]

/** The question that `can` answers. */
export type Can = (principal: Principal, action: Action, repository: RepositoryName | null) => boolean

/** Whether `principal` may do `action` in `repository` (null where the action names none). */
export function can(_principal: Principal, _action: Action, _repository: RepositoryName | null): boolean {
  return true
}

/** What lists, mounts and searches may show `principal`; metadata applies it in SQL. */
export function visibleTo(_principal: Principal): Scope {
  return { kind: 'everything' }
}
