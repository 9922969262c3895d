/** The outbox's rows. What an event says is src/events' affair. */
import type { Transaction } from './database.ts'

export interface EventRow {
  readonly kind: string
  readonly repositoryId: number | null
  readonly actor: string
  /** JSON. */
  readonly facts: string
}

export async function insertEvent(tx: Transaction, event: EventRow): Promise<void> {
  await tx.run(
    `INSERT INTO events (kind, repository_id, actor, facts, happened_at) VALUES ($1, $2, $3, $4, $5)`,
    [event.kind, event.repositoryId, event.actor, event.facts, tx.now],
  )
}
