/**
 * Errors by which the database says that it cannot work now, or not with this program. None of them is the
 * fault of the request; protocols answer 503, and the program refuses to start on SchemaTooNew.
 * WriterUnavailable of database.ts is their sibling for "nobody knows whether it happened".
 */

/** The database cannot answer, or could not store a write: nothing of it took effect. The message says what to do. */
export class DatabaseUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DatabaseUnavailable'
  }
}

/** Nothing more fits on the database's disk. */
export class DatabaseFull extends DatabaseUnavailable {
  override readonly name = 'DatabaseFull'
}

/** Nothing can be changed: the disk or the file is read-only, or the server is. What is there may still be read. */
export class DatabaseReadOnly extends DatabaseUnavailable {
  override readonly name = 'DatabaseReadOnly'
}

/** A newer program has already changed the tables. */
export class SchemaTooNew extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SchemaTooNew'
  }
}
