/**
 * The tables of docs/operate/configuration.md, made of the schema. After a change of a setting:
 *
 *   node scripts/bun.mjs test/settings/configuration-tables.ts
 *
 * writes them into the page anew.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { settingsSchema } from '../../src/config/schema.ts'
import { listKeys, type NamedSetting } from '../../src/config/setting.ts'
import { variableOf } from '../../src/config/variables.ts'

const PAGE = join(import.meta.dir, '../../docs/operate/configuration.md')

export function readPage(): string {
  return readFileSync(PAGE, 'utf8')
}

/** The page with its tables as the schema has them. Each stands between two comments that name it. */
export function withTables(page: string): string {
  return Object.entries(tables()).reduce((text, [name, table]) => {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
    const [start, stop] = [text.indexOf(begin), text.indexOf(end)]
    if (start < 0 || stop < start) throw new Error(`the page has no place for the table "${name}"`)
    return `${text.slice(0, start + begin.length)}\n${table}\n${text.slice(stop)}`
  }, page)
}

function tables(): Readonly<Record<string, string>> {
  const keys = listKeys(settingsSchema)
  const isLess = ({ facts }: NamedSetting) => (facts.ignored ?? facts.refused ?? facts.unneeded) !== undefined
  return {
    settings: table(
      ['Key', 'Variable', 'What it does', 'By default'],
      keys
        .filter((key) => !isLess(key))
        .map((key) => [code(key.name), variable(key), key.facts.about, key.facts.byDefault ?? '']),
    ),
    unneeded: table(
      ['Key', 'Why nothing is lost'],
      keys.flatMap(({ name, facts }) => (facts.unneeded === undefined ? [] : [[code(name), facts.unneeded]])),
    ),
    impossible: table(
      ['Key', 'At the start', 'Why, and what to use instead'],
      keys.flatMap(({ name, facts }) => {
        if (facts.refused !== undefined) return [[code(name), 'refused', facts.refused]]
        return facts.ignored === undefined ? [] : [[code(name), 'a warning', facts.ignored]]
      }),
    ),
  }
}

function variable({ name }: NamedSetting): string {
  return name === 'version' ? '' : code(variableOf(name.replace('[]', '.0')))
}

function code(text: string): string {
  return `\`${text}\``
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, heads.map(() => '---'), ...rows]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

if (import.meta.main) writeFileSync(PAGE, withTables(readPage()))
