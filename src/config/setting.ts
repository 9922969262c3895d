/**
 * How the schema of the settings is put together: sections of named settings, and what is known of each beside the
 * values that it takes. Everything that walks the schema (the file, the variables, `berth config`) walks it by this.
 */
import { z } from 'zod'

export interface SettingFacts {
  /** What it does, in one line. */
  readonly about: string
  /** What holds where nobody says anything, in words. */
  readonly byDefault?: string
  /** Its value must not appear in a message. */
  readonly isSecret?: boolean
  /** What Go calls the field, where that is not the key in capitals: variables are named by it. */
  readonly goName?: string
  /** Berth takes it and needs it not: why. */
  readonly unneeded?: string
  /** Berth cannot do this: why, and what to use instead. It goes on without. */
  readonly ignored?: string
  /** An empty section is a choice too, and no less refused than a full one. */
  readonly countsWhenEmpty?: boolean
  /** As `ignored`, but to go on without would be worse than to stop. */
  readonly refused?: string
}

const FACTS = z.registry<SettingFacts>()

/** A setting that may be left out. */
export function setting<Type extends z.ZodType>(type: Type, facts: SettingFacts): z.ZodOptional<Type> {
  const optional = type.optional().meta({ description: facts.about })
  FACTS.add(optional, facts)
  return optional
}

/** What an item of a list cannot do without. */
export function required<Type extends z.ZodType>(type: Type, facts: SettingFacts): Type {
  const described = type.meta({ description: facts.about })
  FACTS.add(described, facts)
  return described
}

/** Settings under one key. */
export function section<Shape extends z.ZodRawShape>(shape: Shape, facts: SettingFacts = { about: '' }) {
  const optional = z.strictObject(shape).optional()
  FACTS.add(optional, facts)
  return optional
}

/** What stands there is not looked into, for nothing is done with it. */
export function unread(facts: SettingFacts) {
  return setting(z.unknown(), facts)
}

export function factsOf(schema: Schema): SettingFacts | null {
  return FACTS.get(schema as z.ZodType) ?? null
}

export type Schema = z.core.$ZodType
export type Shape = Readonly<Record<string, Schema>>

/** What a schema is, below the wrappings of optional and preprocessed ones. */
export type Kind =
  | { readonly kind: 'section'; readonly shape: Shape }
  | { readonly kind: 'map'; readonly value: Schema }
  | { readonly kind: 'list'; readonly item: Schema }
  | { readonly kind: 'value' }
  /** Anything may stand here. */
  | { readonly kind: 'unread' }

export function kindOf(schema: Schema): Kind {
  if (schema instanceof z.ZodOptional) return kindOf(schema.unwrap())
  if (schema instanceof z.ZodObject) return { kind: 'section', shape: schema.shape }
  if (schema instanceof z.ZodRecord) return { kind: 'map', value: schema.valueType }
  if (schema instanceof z.ZodArray) return { kind: 'list', item: schema.element }
  if (schema instanceof z.ZodUnknown) return { kind: 'unread' }
  // `preprocess` leads into what it prepares for; `written` leads from unknown into a transformation.
  if (schema instanceof z.ZodPipe) {
    return schema.out instanceof z.ZodTransform ? { kind: 'value' } : kindOf(schema.out)
  }
  return { kind: 'value' }
}

/** Whether one item may stand for the list of it. */
export function isListOrItem(schema: Schema): boolean {
  if (schema instanceof z.ZodOptional) return isListOrItem(schema.unwrap())
  return schema instanceof z.ZodPipe && kindOf(schema).kind === 'list'
}

export interface NamedSetting {
  /** `http.addr`; a list's items have no names. */
  readonly name: string
  readonly schema: Schema
  readonly facts: SettingFacts
}

/** Every setting by its full name, in the order of the schema. A map or a list is one setting. */
export function listSettings(schema: Schema, name = ''): NamedSetting[] {
  const kind = kindOf(schema)
  if (kind.kind === 'section' && Object.keys(kind.shape).length > 0) {
    return Object.entries(kind.shape).flatMap(([key, child]) =>
      listSettings(child, name === '' ? key : `${name}.${key}`),
    )
  }
  return [{ name, schema, facts: factsOf(schema) ?? { about: '' } }]
}

/** As listSettings, and beneath each list of sections the settings of its items: `health.http[].uri`. */
export function listKeys(schema: Schema): NamedSetting[] {
  return listSettings(schema).flatMap((setting) => {
    const kind = kindOf(setting.schema)
    const items = kind.kind === 'list' && kindOf(kind.item).kind === 'section' ? kind.item : null
    return items === null ? [setting] : [setting, ...listSettings(items, `${setting.name}[]`)]
  })
}
