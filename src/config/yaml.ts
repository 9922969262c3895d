/**
 * YAML as people write settings in: the file, and variables of sections and lists. It is YAML 1.2 with the merge
 * keys (`<<`) of 1.1, so `yes` and `10:50` stay the texts that they are, and each setting makes of them what it
 * can. What is wrong is told by its line, and never by what stands there, for that may be a password.
 *
 * A key that stands twice is told too: registry:2 and registry:3 take the last one, or mix what stands below both,
 * in silence. Import this where there is something to read: it takes some milliseconds.
 */
import {
  type Document,
  isNode,
  isPair,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml'
import { messageOf } from '../lib/thrown.ts'
import { ConfigError } from './config.ts'
import { nameOf, type Place } from './draft.ts'

export interface YamlContent {
  /** Maps, lists, texts, numbers, booleans, null; of a key that stands twice, what the last one says. */
  readonly value: unknown
  /** One sentence for each key that a map has more than once. */
  readonly doubled: readonly string[]
}

/** `source` is what the text is, for the beginning of a sentence. Throws ConfigError where it is not YAML. */
export function parseYaml(text: string, source: string): YamlContent {
  const lines = new LineCounter()
  const document = parseDocument(text, { ...OPTIONS, lineCounter: lines })
  const refuse = (at: number, reason: string): never => {
    const { line, col } = lines.linePos(at)
    throw new ConfigError([`${source} is not valid YAML in line ${line}, column ${col}: ${reason}.`])
  }
  const [wrong] = [...document.errors, ...document.warnings]
  if (wrong !== undefined) refuse(wrong.pos[0], reasonOf(wrong, text))
  const doubled: string[] = []
  visit(document, {
    Alias(_, alias, above) {
      const meant = alias.resolve(document)
      if (meant === undefined) refuse(startOf(alias), NO_ANCHOR)
      if (above.some((node) => node === meant)) refuse(startOf(alias), IN_ITSELF)
    },
    Map(_, map, above) {
      const place = above.filter(isPair).map(({ key }) => String(key))
      doubled.push(...findDoubled(map, place, lines).map((sentence) => `${source}: ${sentence}`))
    },
  })
  return { value: contentOf(document, source), doubled }
}

const OPTIONS = {
  schema: 'core',
  merge: true,
  // Else a tag such as !!binary makes an object where a text is meant.
  resolveKnownTags: false,
  stringKeys: true,
  // They are looked for here, where the whole path is known.
  uniqueKeys: false,
  // Else messages repeat the line.
  prettyErrors: false,
} as const

const NO_ANCHOR =
  'Nothing above has the name that this alias (*) asks for. Put a text that begins with * in quotes'
const IN_ITSELF = 'This alias (*) stands inside what it names'

/** Where the library's words would repeat what stands there, or speak to programmers. */
const REASONS: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  TAG_RESOLVE_FAILED: 'This tag (!) means nothing here. Put a text that begins with ! in quotes',
  BAD_DQ_ESCAPE: 'In double quotes \\ begins an escape, and there is none like this. Use single quotes',
  BAD_ALIAS: 'This alias (*) or anchor (&) has no name. Put a text that begins with * or & in quotes',
  MULTIPLE_DOCS: 'A second document begins with ---. Keep one',
  NON_STRING_KEY: 'A key must be a text',
}

/** Some of the library's sentences end with what stands there, after a colon. */
function reasonOf({ code, message }: YAMLError, text: string): string {
  const [said = message, ...rest] = message.split(': ')
  return REASONS[code] ?? (text.includes(rest.join(': ')) ? said : message)
}

/** Each key that is there more than once; merge keys of one map all count. */
function findDoubled({ items }: YAMLMap, place: Place, lines: LineCounter): string[] {
  const pairs = Map.groupBy(items, ({ key }) => String(key))
  pairs.delete('<<')
  return [...pairs]
    .filter(([, { length }]) => length > 1)
    .map(([key, all]) => {
      const where = [...new Set(all.map((pair) => lines.linePos(startOf(pair.key)).line))]
      const words = where.length === 1 ? `line ${where[0]}` : `lines ${where.join(', ')}`
      return `${nameOf([...place, key])} is written ${all.length} times (${words}). Keep one.`
    })
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0
}

/** Carries out merge keys and aliases, of which there may be so many that they are an attack. */
function contentOf(document: Document.Parsed, source: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    throw new ConfigError([`${source} is not valid YAML: ${messageOf(error)}.`])
  }
}
