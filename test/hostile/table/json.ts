/** JSON that two programs read differently, that is too deep, or that is none. */
import { raw } from '../requests.ts'
import type { Theme } from '../row.ts'
import { base, invalid, push, TAKEN } from './push-manifest.ts'

const RFC = 'RFC 8259'
const STRICT = 'RFC 8259 §4: names SHOULD be unique, for programs differ; CVE-2021-41190'
const DEEP = 'RFC 8259 §9: a parser may limit depth; CWE-674'
const text = JSON.stringify(base)

/** The manifest with something more behind its last field. */
const and = (more: string) => push(`${text.slice(0, -1)},${more}}`)

export const json: Theme = {
  theme: 'JSON',
  rows: [
    {
      name: 'that is nothing',
      send: push(''),
      answer: invalid('not JSON'),
      source: `${RFC} §2`,
      peer: 'the same',
    },
    {
      name: 'that is null',
      send: push('null'),
      answer: invalid('must be a JSON object'),
      source: 'image-spec manifest.md',
    },
    {
      name: 'that is a list',
      send: push('[]'),
      answer: invalid('must be a JSON object'),
      source: 'image-spec manifest.md',
    },
    {
      name: 'that is a number',
      send: push('42'),
      answer: invalid('must be a JSON object'),
      source: 'image-spec manifest.md',
    },
    {
      name: 'that is a text',
      send: push('"evil"'),
      answer: invalid('must be a JSON object'),
      source: 'image-spec manifest.md',
    },
    {
      name: 'that is empty',
      send: push('{}'),
      answer: invalid('no mediaType'),
      source: 'image-spec manifest.md',
    },
    {
      name: 'that ends half way',
      send: push(text.slice(0, 60)),
      answer: invalid('not JSON'),
      source: `${RFC} §2`,
      peer: 'the same',
    },
    { name: 'that comes twice', send: push(text + text), answer: invalid('not JSON'), source: `${RFC} §2` },
    {
      name: 'with something behind it',
      send: push(`${text}evil`),
      answer: invalid('not JSON'),
      source: `${RFC} §2`,
    },
    {
      name: 'with a NUL behind it',
      send: push(`${text}\0`),
      answer: invalid('not JSON'),
      source: `${RFC} §2`,
    },
    {
      name: 'with a comment',
      send: push(`/* evil */${text}`),
      answer: invalid('not JSON'),
      source: `${RFC} §2`,
      peer: 'the same',
    },
    {
      name: 'with a comma too many',
      send: push(`${text.slice(0, -1)},}`),
      answer: invalid('not JSON'),
      source: `${RFC} §4`,
      peer: 'the same',
    },
    {
      name: 'with single quotes',
      send: push(text.replaceAll('"', "'")),
      answer: invalid('not JSON'),
      source: `${RFC} §7`,
      peer: 'the same',
    },
    {
      name: 'with a number that is none',
      send: and('"x":NaN'),
      answer: invalid('not JSON'),
      source: `${RFC} §6`,
      peer: 'the same',
    },
    {
      name: 'with an octal number',
      send: and('"x":0123'),
      answer: invalid('not JSON'),
      source: `${RFC} §6`,
      peer: 'the same',
    },
    {
      name: 'with a raw line end in a text',
      send: and('"x":"a\nb"'),
      answer: invalid('not JSON'),
      source: `${RFC} §7`,
      peer: 'the same',
    },
    {
      name: 'that is a program',
      send: push('require("child_process").exec("touch evil")'),
      answer: invalid('not JSON'),
      source: `${RFC} §12: never by eval`,
    },
    {
      name: 'behind a byte order mark',
      send: push(raw('\xef\xbb\xbf', text)),
      answer: invalid('byte order mark'),
      source: `${RFC} §8.1: MUST NOT be added`,
      peer: 'the same',
    },
    {
      name: 'in UTF-16',
      send: push(new Uint8Array(Buffer.from(text, 'utf16le'))),
      answer: invalid('not JSON'),
      source: `${RFC} §8.1`,
      peer: 'the same',
    },
    {
      name: 'with bytes that are no UTF-8',
      send: push(raw(text.slice(0, -1), ',"x":"\xff\xfe"}')),
      answer: invalid('UTF-8'),
      source: `${RFC} §8.1: Go replaces them in silence, others do not`,
    },
    {
      name: 'with half a character, encoded as bytes',
      send: push(raw(text.slice(0, -1), ',"x":"\xed\xa0\x80"}')),
      answer: invalid('UTF-8'),
      source: `${RFC} §8.2; RFC 3629 §3`,
    },
    {
      name: 'with half a character, escaped, which is taken',
      send: and('"x":"\\ud800"'),
      answer: TAKEN,
      source: `${RFC} §8.2: it is grammatical; nobody here reads x`,
    },
    {
      name: 'whose layers stand there twice',
      send: and('"layers":[]'),
      answer: invalid('"layers" stands twice'),
      source: STRICT,
    },
    {
      name: 'whose layers stand there twice, once escaped',
      send: and('"l\\u0061yers":[]'),
      answer: invalid('"layers" stands twice'),
      source: STRICT,
    },
    {
      name: 'whose name stands twice, deep inside',
      send: and('"x":[{"y":{"z":1,"z":2}}]'),
      answer: invalid('"z" stands twice'),
      source: STRICT,
    },
    {
      name: 'with layers in another case',
      send: and('"Layers":[]'),
      answer: invalid('instead of \\"Layers\\"'.replaceAll('\\"', '"')),
      source: 'CVE-2021-41190: Go takes the two for the same',
    },
    {
      name: 'with layers in letters that fold',
      send: and('"layer\u017f":[]'),
      answer: invalid('"layers" instead of'),
      source: 'CVE-2021-41190: Go folds them',
    },
    {
      name: 'with the prototype of all objects',
      send: and(
        '"__proto__":{"layers":[{"digest":"evil"}],"schemaVersion":1},"constructor":{"prototype":{"evil":1}}',
      ),
      answer: TAKEN,
      source: 'CWE-1321: such a name is one like any other',
    },
    {
      name: 'that inherits what it should have',
      send: push(
        '{"schemaVersion":2,"__proto__":{"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{}}}',
      ),
      answer: invalid('no mediaType'),
      source: 'CWE-1321',
    },
    {
      name: 'with annotations named as all objects are',
      send: and('"annotations":{"__proto__":"evil","toString":"evil"}'),
      answer: TAKEN,
      source: 'CWE-1321',
    },
    {
      name: 'of 100 000 lists in each other',
      send: and(`"x":${'['.repeat(100_000)}${']'.repeat(100_000)}`),
      answer: invalid('lists and objects'),
      source: DEEP,
    },
    {
      name: 'of 100 000 objects in each other',
      send: and(`"x":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
      answer: invalid('lists and objects'),
      source: DEEP,
    },
    {
      name: 'of 4 000 000 lists that never end',
      send: push('['.repeat(4_000_000)),
      answer: invalid('lists and objects'),
      source: DEEP,
    },
    {
      name: 'of a hundred lists in each other, which is taken',
      send: and(`"x":${'['.repeat(100)}${']'.repeat(100)}`),
      answer: TAKEN,
      source: DEEP,
      peer: 'the same',
    },
    {
      name: 'of 100 000 names in one object',
      send: and(Array.from({ length: 100_000 }, (_, at) => `"x${at}":1`).join(',')),
      answer: TAKEN,
      source: 'CVE-2011-4885: names that collide cost nothing',
    },
    {
      name: 'with a number of 100 000 digits',
      send: and(`"x":${'9'.repeat(100_000)}`),
      answer: TAKEN,
      source: `${RFC} §6; CVE-2020-10735`,
    },
    {
      name: 'with 1 000 000 backslashes in a text',
      send: and(`"x":"${'\\\\'.repeat(500_000)}"`),
      answer: TAKEN,
      source: `${RFC} §7; CWE-407`,
    },
  ],
}
