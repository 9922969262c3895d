/** The schema of the settings as JSON Schema, for editors that complete and check the YAML file. */
import { z } from 'zod'
import { settingsSchema } from './schema.ts'
import { AUTH_KINDS } from './schema-http.ts'
import { STORAGE_DRIVERS } from './schema-storage.ts'
import { factsOf, isListOrItem, kindOf, type Schema, type SettingFacts } from './setting.ts'

type JsonSchema = z.core.JSONSchema.BaseSchema

/** Draft 2020-12. */
export function settingsJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(settingsSchema, {
    // What is read from text has no type of its own: its keywords stand beside it.
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => adapt(zodSchema, jsonSchema),
  })
  const { storage = {}, auth = {}, ...others } = schema.properties ?? {}
  return {
    ...schema,
    title: "Berth's settings",
    properties: { ...others, storage: orName(storage, STORAGE_DRIVERS), auth: orName(auth, AUTH_KINDS) },
  }
}

function adapt(schema: Schema, json: JsonSchema): void {
  const { kind } = kindOf(schema)
  const facts = factsOf(schema)
  if (facts !== null && facts.about !== '') json.description = describe(facts)
  // A section without a value is an empty one.
  if (kind === 'section' && json.type === 'object') json.type = ['object', 'null'] as never
  if (isListOrItem(schema) && json.type === 'array') {
    const { type, items, ...others } = json
    for (const key of Object.keys(json)) delete json[key]
    Object.assign(json, others, { anyOf: [items, { type, items }] })
  }
}

function describe({ about, byDefault, unneeded, ignored, refused }: SettingFacts): string {
  const parts = [
    about,
    byDefault === undefined ? null : `By default: ${byDefault}`,
    unneeded === undefined ? null : `Has no effect: ${unneeded}`,
    ignored === undefined ? null : `Has no effect: ${ignored}`,
    refused === undefined ? null : `Not possible: ${refused}`,
  ]
  return `${parts.filter((part) => part !== null).join('. ')}.`
}

/** `storage: inmemory` is short for a section with that one key. */
function orName(schema: z.core.JSONSchema._JSONSchema, names: readonly string[]): JsonSchema {
  return { anyOf: [schema as JsonSchema, { enum: [...names] }] }
}
