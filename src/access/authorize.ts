/**
 * Who may do what: the one place that decides. Every route names the action it needs; nothing else in the
 * program asks for rights, save for what a use case must know of them inside its transaction.
 *
 * An open registry lets everybody do everything, as distribution's does without an `auth` section; so may every
 * user of its htpasswd file; a token may do exactly what it says.
 */
import type { Scope } from '../metadata/repositories.ts'
import { findRepositoryName, type RepositoryName } from '../oci/repository-name.ts'
import { type AccessRecord, neededAccess, resourceOf } from './needed-access.ts'
import type { Grants, Principal } from './principal.ts'

/**
 * `probe` is for whoever asks whether anybody is there, without a login; `ping` is for what names no repository;
 * `list` reads the names of repositories; `pull` and `push` are what clients ask tokens for; `overwrite` moves an
 * existing tag; `delete` removes manifests, tags and blob links.
 */
export const ACTIONS = ['probe', 'ping', 'list', 'pull', 'push', 'overwrite', 'delete'] as const
export type Action = (typeof ACTIONS)[number]

/** The question that `can` answers. */
export type Can = (principal: Principal, action: Action, repository: RepositoryName | null) => boolean

/** Whether `principal` may do `action` in `repository` (null where the action names none). */
export function can(principal: Principal, action: Action, repository: RepositoryName | null): boolean {
  if (action === 'probe') return true
  switch (principal.kind) {
    case 'everybody':
    case 'user':
      return true
    case 'anonymous':
      return false
    case 'token':
      return neededAccess(action, repository).every((record) => isGranted(principal.grants, record))
  }
}

const EVERYTHING: Scope = { kind: 'everything' }

/** What lists may show `principal`; metadata applies it in SQL. Who may list the catalogue sees all of it, as in distribution. */
export function visibleTo(principal: Principal): Scope {
  return can(principal, 'list', null) ? EVERYTHING : readableBy(principal)
}

/** From where `principal` may take blobs; metadata applies it in SQL. */
export function readableBy(principal: Principal): Scope {
  switch (principal.kind) {
    case 'everybody':
    case 'user':
      return EVERYTHING
    case 'anonymous':
      return { kind: 'repositories', names: [] }
    case 'token':
      return { kind: 'repositories', names: pulledNames(principal.grants) }
  }
}

function isGranted(grants: Grants, { type, name, action }: AccessRecord): boolean {
  const actions = grants.get(resourceOf(type, name))
  return actions !== undefined && (actions.has(action) || actions.has('*'))
}

function pulledNames(grants: Grants): RepositoryName[] {
  return [...grants]
    .filter(([, actions]) => actions.has('pull') || actions.has('*'))
    .map(([resource]) => /^repository:(.*)$/s.exec(resource)?.[1] ?? '')
    .map(findRepositoryName)
    .filter((name) => name !== null)
}
