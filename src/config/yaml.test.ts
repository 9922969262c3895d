/** What YAML settings may be written in, and what is said where somebody slipped. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { ConfigError } from './config.ts'
import { parseYaml } from './yaml.ts'

const FILE = 'config.yml'

function doubledIn(text: string): readonly string[] {
  return parseYaml(text, FILE).doubled
}

/** Nothing of a text that was accepted. */
function saidOf(text: string): string {
  try {
    parseYaml(text, FILE)
    return ''
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join('\n')
    throw error
  }
}

function problemOf(text: string): string {
  const said = saidOf(text)
  if (said === '') throw new Error('it was accepted')
  return said
}

describe('a key that stands twice is named with its whole path and its lines', () => {
  test.each([
    [
      'at the top',
      'version: 0.1\nlog: {}\nversion: 0.1\n',
      'version is written 2 times (lines 1, 3). Keep one.',
    ],
    [
      'below another',
      'http:\n  addr: :5000\n  tls:\n    key: a\n    certificate: b\n    key: c\n',
      'http.tls.key is written 2 times (lines 4, 6). Keep one.',
    ],
    [
      'a whole section, pasted again',
      'http:\n  addr: :5000\nlog:\n  level: info\nhttp:\n  host: https://a.test\n',
      'http is written 2 times (lines 1, 5). Keep one.',
    ],
    [
      'on one line',
      'http: {headers: {X-A: [1], X-B: [2], X-A: [3], "X-A": [4]}}',
      'http.headers.X-A is written 3 times (line 1). Keep one.',
    ],
    [
      'in an item of a list',
      'health:\n  tcp:\n    - addr: a:1\n    - addr: b:1\n      addr: c:1\n',
      'health.tcp.addr is written 2 times (lines 4, 5). Keep one.',
    ],
    ['as a number and as a text', '5000: a\n"5000": b\n', '5000 is written 2 times (lines 1, 2). Keep one.'],
    [
      'in what an anchor names, once however often it is used',
      'a: &both {x: 1, x: 2}\nb: *both\nc: *both\n',
      'a.x is written 2 times (line 1). Keep one.',
    ],
  ])('%s', (_, text, sentence) => {
    expect(doubledIn(text)).toEqual([`${FILE}: ${sentence}`])
  })

  test('each of them', () => {
    expect(doubledIn('a: {x: 1, x: 2}\na: {y: 1, y: 2}\n')).toHaveLength(3)
  })

  test('and the last one is what it says', () => {
    expect(parseYaml('a: 1\na: 2\n', FILE).value).toEqual({ a: 2 })
  })
})

test('the same key in two maps is two keys', () => {
  const text = 'http:\n  tls: {key: a}\n  headers: {key: [b]}\nlist:\n  - key: c\n  - key: d\n'
  expect(parseYaml(text, FILE)).toEqual({
    value: { http: { tls: { key: 'a' }, headers: { key: ['b'] } }, list: [{ key: 'c' }, { key: 'd' }] },
    doubled: [],
  })
})

test('a merge key gives what a map does not say itself, and so do several', () => {
  const text =
    'one: &one {a: 1, b: 1}\ntwo: &two {c: 2}\nboth:\n  <<: *one\n  b: 3\n  <<: *two\nlist:\n  <<: [*one, *two]\n'
  expect(parseYaml(text, FILE)).toMatchObject({
    value: { both: { a: 1, b: 3, c: 2 }, list: { a: 1, b: 1, c: 2 } },
    doubled: [],
  })
})

test('texts that YAML 1.1 would make something of stay texts', () => {
  const text = 'a: yes\nb: off\nc: 10:50\nd: 2001-01-01\ne: 1_000\nf: "5"\ng: !!str 5\n'
  expect(parseYaml(`%YAML 1.1\n---\n${text}`, FILE).value).toEqual({
    a: 'yes',
    b: 'off',
    c: '10:50',
    d: '2001-01-01',
    e: '1_000',
    f: '5',
    g: '5',
  })
})

test.each(['', '# nothing yet\n', '---\n', '~', 'null'])('nothing says nothing: %j', (text) => {
  expect(parseYaml(text, FILE)).toEqual({ value: null, doubled: [] })
})

describe('what is not YAML is told with its line, and in no sentence with what stands there', () => {
  test.each([
    [
      'http:\n  addr: a: secret\n',
      'in line 2, column 9: Nested mappings are not allowed in compact mappings.',
    ],
    ['http:\n\taddr: secret\n', 'in line 2, column 1: Tabs are not allowed as indentation.'],
    ['a: 1\npassword: !secret\n', 'in line 2, column 11: This tag (!) means nothing here.'],
    ['a: !!binary c2VjcmV0\n', 'in line 1, column 4: This tag (!) means nothing here.'],
    ['a: "\\secret"\n', 'in line 1, column 5: In double quotes \\ begins an escape'],
    ['a: |secret\n', 'in line 1, column 5: Block scalar header includes extra characters.'],
    ['a: *secret\n', 'in line 1, column 4: Nothing above has the name that this alias (*) asks for.'],
    ['a: &secret\n  b: [1, *secret]\n', 'in line 2, column 10: This alias (*) stands inside what it names.'],
    [
      'a: [*]\n',
      'in line 1, column 5: This alias (*) or anchor (&) has no name. Put a text that begins with *',
    ],
    ['a: secret\n---\nb: secret\n', 'in line 2, column 1: A second document begins with ---. Keep one.'],
    ['? [secret, 1]\n: 2\n', 'in line 1, column 3: A key must be a text.'],
    ['<<: secret\n', 'is not valid YAML: Merge sources must be maps or map aliases.'],
  ])('%j', (text, sentence) => {
    const problem = problemOf(text)
    expect(problem).toStartWith(`${FILE} is not valid YAML`)
    expect(problem).toContain(sentence)
    expect(problem).not.toContain('secret')
  })

  test('however it is wrong', () => {
    const odd = fc.string({ unit: fc.constantFrom(...'a:-{}[]&*!|><~%#?\\@`,\'" \n\t<='), maxLength: 6 })
    fc.assert(
      fc.property(odd, odd, odd, (before, between, after) => {
        const said = saidOf(`key: ${before}SECRET${between}SECRET\n${after}`)
        expect(said).not.toContain('SECRET')
      }),
      { numRuns: 2000 },
    )
  })

  test('aliases of aliases that would fill the memory', () => {
    const rows = Array.from({ length: 30 }, (_, row) =>
      row === 0 ? 'a0: &a0 [x, x]' : `a${row}: &a${row} [*a${row - 1}, *a${row - 1}]`,
    )
    expect(problemOf(rows.join('\n'))).toContain('is not valid YAML: Excessive alias count')
  })
})
