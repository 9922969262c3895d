/** What the processes of a race on SQLite say to each other. */
import type { Policy } from '../../src/registry/registry.ts'
import type { Outcome } from './outcome.ts'
import type { Step } from './track.ts'

/** Where everything lies. */
export interface Volume {
  readonly root: string
  readonly databasePath: string
  /** Of the writer. */
  readonly socket: string
}

/** What a party is to do: a race is the export of a module, by its path and its name. */
export interface Task {
  readonly module: string
  readonly race: string
  readonly party: string
  readonly policy: Policy
  readonly facts: unknown
}

export type ToParty =
  | { readonly kind: 'run'; readonly task: Task }
  | { readonly kind: 'go'; readonly number: number }
  | { readonly kind: 'flushed'; readonly number: number; readonly failure: string | null }

export type FromParty =
  | { readonly kind: 'ready' }
  | { readonly kind: 'ask'; readonly number: number; readonly step: Step }
  | { readonly kind: 'flush'; readonly number: number }
  | { readonly kind: 'ended'; readonly outcome: Outcome }
  /** With what was no refusal. */
  | { readonly kind: 'failed'; readonly why: string }

export type ToWriter = { readonly kind: 'flush'; readonly number: number }

export type FromWriter =
  | { readonly kind: 'ready' }
  | { readonly kind: 'flushed'; readonly number: number; readonly failure: string | null }
