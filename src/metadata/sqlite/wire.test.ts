/** Errors on their way between a database and its writer, copied as a thread or a socket copies them. */
import { expect, test } from 'bun:test'
import { WriterUnavailable } from '../database.ts'
import { DatabaseFull, DatabaseReadOnly, DatabaseUnavailable, SchemaTooNew } from '../unavailable.ts'
import { type ErrorClass, errorFromData, errorToData } from './wire.ts'

class DiskBroken extends Error {
  override readonly name: string = 'DiskBroken'
}
class DiskSlow extends DiskBroken {
  override readonly name = 'DiskSlow'
}

function sent(error: unknown, classes: readonly ErrorClass[] = []): Error {
  return errorFromData(JSON.parse(JSON.stringify(errorToData(error))), classes)
}

test.each([[WriterUnavailable], [DatabaseUnavailable], [DatabaseFull], [DatabaseReadOnly], [SchemaTooNew]])(
  'an error of this layer is of the same class on the other side: %p',
  (Class) => {
    const error = sent(new Class('Try again.'))
    expect(error.constructor).toBe(Class)
    expect(error.message).toBe('Try again.')
  },
)

test('an error of another layer is of the same class, and no more general one, where that is known', () => {
  const classes = [DiskBroken, DiskSlow]
  expect(sent(new DiskBroken('broken'), classes).constructor).toBe(DiskBroken)
  expect(sent(new DiskSlow('slow'), classes).constructor).toBe(DiskSlow)
})

test('an error that nobody knows keeps its name, its message and what caused it', () => {
  const error = sent(new DiskSlow('slow', { cause: new Error('worn out') }))
  expect(error).toMatchObject({ name: 'DiskSlow', message: 'slow' })
  expect(error.stack).toContain('worn out')
})
