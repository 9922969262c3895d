import { expect, test } from 'bun:test'
import { settingsJsonSchema } from './json-schema.ts'
import { settingsSchema } from './schema.ts'
import { listSettings } from './setting.ts'

type Json = Record<string, unknown>

const schema = settingsJsonSchema() as unknown as Json

/** The schema of a setting by its name; the section's own where a name alone may stand for it. */
function at(name: string): Json | undefined {
  return name.split('.').reduce<Json | undefined>((parent, key) => {
    const section = (parent?.['anyOf'] as Json[] | undefined)?.[0] ?? parent
    return (section?.['properties'] as Record<string, Json> | undefined)?.[key]
  }, schema)
}

test('every setting is there, with what it does', () => {
  for (const { name, facts } of listSettings(settingsSchema)) {
    expect([name, at(name)?.['description']]).toEqual([name, expect.stringContaining(facts.about)])
  }
})

test('an editor is told what may be written', () => {
  expect(at('http.addr')).toMatchObject({ type: 'string' })
  expect(at('storage.delete.enabled')).toMatchObject({ type: 'boolean' })
  expect(at('log.level')).toMatchObject({ enum: ['error', 'warn', 'info', 'debug'] })
  expect(at('http.draintimeout')).toMatchObject({ type: ['string', 'integer'] })
  expect(at('health.http')).toMatchObject({
    type: 'array',
    items: { required: ['uri'], additionalProperties: false },
  })
})

test('what may be written in several ways may be in each of them', () => {
  expect(at('http.tls.clientcas')).toMatchObject({
    anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
  })
  expect(at('storage')?.['anyOf']).toEqual([
    expect.objectContaining({ additionalProperties: false }),
    { enum: expect.arrayContaining(['filesystem', 'inmemory']) },
  ])
  expect(at('storage.filesystem')).toMatchObject({ type: ['object', 'null'] })
})

test('a key that nobody knows is wrong', () => {
  expect(schema).toMatchObject({ additionalProperties: false })
  expect(at('http.tls')).toMatchObject({ additionalProperties: false })
})
