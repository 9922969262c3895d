/** Fills a new database with what a backup holds, and makes sure that it is all there. */
import type { FillableDatabase } from '../../metadata/fillable.ts'
import { countTableRows, lastingTables, type TableShape } from '../../metadata/tables.ts'
import { loadRowsCommand } from './metadata.commands.ts'
import {
  BackupDamaged,
  type DecodedMetadata,
  type RowCounts,
  type StoredTable,
  withoutPause,
} from './metadata-format.ts'

/**
 * The database must be empty, and of the backup's own schema: it can be brought to a newer one afterwards. Gives the
 * number of rows of each table. Throws BackupDamaged, DatabaseUnavailable.
 */
export async function loadMetadata(
  database: FillableDatabase,
  { tables }: Pick<DecodedMetadata, 'tables'>,
  pause = withoutPause,
): Promise<RowCounts> {
  const shapes = new Map(lastingTables(await database.listTables()).map((shape) => [shape.name, shape]))
  for (;;) {
    const began = performance.now()
    const step = await tables.next()
    if (step.done === true) {
      await requireCounts(database, step.value)
      await database.goOnBehindIds([...shapes.values()])
      return step.value
    }
    const { table, rows } = step.value
    if (rows.length > 0) await database.write(loadRowsCommand, { table: shapeFor(shapes, table), rows })
    await pause(performance.now() - began)
  }
}

function shapeFor(shapes: ReadonlyMap<string, TableShape>, { name, columns }: StoredTable): TableShape {
  const shape = shapes.get(name)
  const isKnown = (column: string) => shape?.columns.some((each) => each.name === column)
  if (shape !== undefined && columns.every((column) => isKnown(column.name))) return { ...shape, columns }
  throw new BackupDamaged(`It holds a table "${name}" that its own schema does not have so.`)
}

async function requireCounts(database: FillableDatabase, counts: RowCounts): Promise<void> {
  for (const [table, count] of Object.entries(counts)) {
    const found = await countTableRows(database, table)
    if (found !== count)
      throw new BackupDamaged(`Of the ${count} rows of "${table}" that it holds, ${found} could be loaded.`)
  }
}
