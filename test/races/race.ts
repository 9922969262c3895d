/**
 * A race: what lies there before, what two parties do with it at the same moment, and what must hold afterwards in
 * whichever order they did. Parties are use cases of the registry; they may run in processes of their own, so that
 * what they are told is plain data.
 */
import type { Row, SqlValue } from '../../src/metadata/database.ts'
import type { RepositoryName } from '../../src/oci/repository-name.ts'
import type { Policy, Registry } from '../../src/registry/registry.ts'
import type { Explored } from './orders.ts'
import type { Outcome } from './outcome.ts'

/** What a party has. */
export interface Hand {
  readonly registry: Registry
  /** Makes the link tree durable and forgets its marks, as each server does about once a second. */
  flush(): Promise<void>
}

/** What is arranged and checked with, from outside of the race. */
export interface Table extends Hand {
  readonly root: string
  newRepository(): RepositoryName
  /** Changes rows past everything: for letting time pass. */
  run(sql: string, values?: readonly SqlValue[]): Promise<void>
  rows(sql: string, values?: readonly SqlValue[]): Promise<Row[]>
}

export interface Race<Facts> {
  /** Where it is another than that of the benches. */
  readonly policy?: Partial<Policy>
  /** On SQLite, a process that comes to the step of this name is stopped by SIGSTOP until its turn comes. */
  readonly stopsBefore?: string
  /** How another process finds it: the path of its module, and its name there. */
  readonly home: { readonly module: string; readonly race: string }
  /** Plain data for the parties. */
  arrange(table: Table): Promise<Facts>
  readonly parties: Readonly<Record<string, (hand: Hand, facts: Facts) => Promise<unknown>>>
  /** Throws where the outcome is wrong. */
  check(table: Table, facts: Facts, outcomes: Readonly<Record<string, Outcome>>): Promise<void>
  /**
   * The orders in which a party that could go on is interrupted at most so often, counted in statements on
   * PostgreSQL and in commands on SQLite; all of them where it is not said.
   */
  readonly interruptions?: { readonly statements?: number; readonly commands?: number }
}

/** Where races are run. */
export interface RaceCourse extends AsyncDisposable {
  /** Runs the race in every order that this place can tell apart. Throws with the order that went wrong. */
  explore<Facts>(race: Race<Facts>): Promise<Explored>
}
