import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { InvalidJson, parseStrictJson } from './strict-json.ts'

const MANIFEST_SIZE = 4 * 1024 * 1024

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function complaintAbout(bytes: Uint8Array): string {
  try {
    parseStrictJson(bytes)
  } catch (error) {
    if (error instanceof InvalidJson) return error.message
    throw error
  }
  return 'none'
}

test('JSON is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      expect(parseStrictJson(bytesOf(text))).toEqual(JSON.parse(text))
    }),
  )
})

test('bytes that are no JSON are refused with an InvalidJson, whatever they are', () => {
  const anything = fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' }).map(bytesOf))
  fc.assert(
    fc.property(anything, (bytes) => {
      expect(complaintAbout(bytes)).toBeString()
    }),
  )
})

describe('a name that stands twice in one object is refused', () => {
  const repeated = [
    '{"a":1,"a":1}',
    '{"a":1, "b":{}, "a" : 2}',
    '[0,{"b":[{"a":1}],"a":{},"a":[]}]',
    '{"a":1,"\\u0061":2}',
    '{"\\"":1,"\\u0022":2}',
    '{"":1,"":2}',
    '{"\\\\":1,"\\\\":2}',
  ]
  test.each(repeated)('%s', (text) => {
    expect(complaintAbout(bytesOf(text))).toContain('stands twice')
  })

  test('the message says which', () => {
    expect(complaintAbout(bytesOf('{"layers":[],"layers":[]}'))).toContain('"layers"')
  })
})

describe('the same name in different objects is fine', () => {
  const unique = [
    '{"a":{"a":1}}',
    '[{"a":1},{"a":2}]',
    '{"a":"a","b":"a"}',
    '{"a":["a","a"]}',
    '{"a":"\\"","b":"{\\"a\\":1}"}',
    '{"a":"\\\\","b":1}',
    '{"a":1,"A":2}',
  ]
  test.each(unique)('%s', (text) => {
    expect(complaintAbout(bytesOf(text))).toBe('none')
  })
})

test('a byte order mark is refused, and named', () => {
  expect(complaintAbout(bytesOf('\ufeff{}'))).toContain('byte order mark')
})

test('invalid UTF-8 is refused, and named', () => {
  expect(complaintAbout(new Uint8Array([0x22, 0xff, 0x22]))).toContain('UTF-8')
})

test('a complaint quotes a little of the text at most', () => {
  expect(complaintAbout(bytesOf('a'.repeat(10_000))).length).toBeLessThan(200)
})

describe('lists and objects inside one another', () => {
  const DEEPEST = 10_000
  const lists = (depth: number) => bytesOf('['.repeat(depth) + ']'.repeat(depth))
  const objects = (depth: number) => bytesOf(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`)

  test.each([
    ['lists', lists],
    ['objects', objects],
  ] as const)('are read as deep as Go reads %s, and refused when they are deeper', (_, nested) => {
    expect(complaintAbout(nested(DEEPEST))).toBe('none')
    expect(complaintAbout(nested(DEEPEST + 1))).toContain(`more than ${DEEPEST} lists and objects`)
  })

  test('are not counted where they stand in a text, nor beside one another', () => {
    expect(complaintAbout(bytesOf(JSON.stringify(['"[{'.repeat(DEEPEST + 1)])))).toBe('none')
    expect(complaintAbout(bytesOf(`[${Array(DEEPEST + 1).fill('[{}]')}]`))).toBe('none')
  })

  test.each(['[', '{"a":'])('are refused before memory is spent on millions of %s', (open) => {
    const before = process.memoryUsage().rss
    expect(complaintAbout(bytesOf(open.repeat(MANIFEST_SIZE / open.length)))).toContain('lists and objects')
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
  })
})

test.each(['"', '["a', '{"a\\"', '"\\'])('a text that never closes is refused: %s', (text) => {
  expect(complaintAbout(bytesOf(text))).toContain('This is not JSON')
})

test('four million backslashes do no harm', () => {
  expect(complaintAbout(bytesOf(`["${'\\'.repeat(MANIFEST_SIZE - 4)}"]`))).toBe('none')
})

describe('for every document', () => {
  /** JSON as a tree in which a name may stand twice, printed by hand. */
  interface Tree {
    readonly text: string
    readonly depth: number
    readonly hasRepeatedName: boolean
  }
  const scalar = fc
    .jsonValue({ maxDepth: 0 })
    .map((value): Tree => ({ text: JSON.stringify(value), depth: 0, hasRepeatedName: false }))
  const name = fc.constantFrom('a', 'b', '__proto__', '"', '\\', 'é', '')
  const gap = fc.constantFrom('', ' ', '\n\t')
  const list = (items: readonly Tree[], space: string): Tree => ({
    text: `[${space}${items.map(({ text }) => text).join(`${space},`)}${space}]`,
    depth: 1 + Math.max(0, ...items.map(({ depth }) => depth)),
    hasRepeatedName: items.some((item) => item.hasRepeatedName),
  })
  const object = (fields: readonly (readonly [string, Tree])[], space: string): Tree => ({
    text: `{${fields.map(([name, { text }]) => `${space}${JSON.stringify(name)}${space}:${text}`).join(',')}}`,
    depth: 1 + Math.max(0, ...fields.map(([, { depth }]) => depth)),
    hasRepeatedName:
      new Set(fields.map(([name]) => name)).size < fields.length ||
      fields.some(([, value]) => value.hasRepeatedName),
  })
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      scalar,
      fc.tuple(fc.array(tie('tree'), { maxLength: 4 }), gap).map(([items, space]) => list(items, space)),
      fc
        .tuple(fc.array(fc.tuple(name, tie('tree')), { maxLength: 4 }), gap)
        .map(([fields, space]) => object(fields, space)),
    ),
  }))

  test('it is refused exactly when a name stands twice in one object', () => {
    fc.assert(
      fc.property(tree, ({ text, hasRepeatedName }) => {
        const complaint = complaintAbout(bytesOf(text))
        expect(complaint.includes('stands twice')).toBe(hasRepeatedName)
        if (!hasRepeatedName) expect(complaint).toBe('none')
      }),
      { numRuns: 300 },
    )
  })

  test('it is refused exactly when it is too deep', () => {
    fc.assert(
      fc.property(
        tree,
        fc.integer({ min: 9_990, max: 10_005 }),
        ({ text, depth, hasRepeatedName }, around) => {
          fc.pre(!hasRepeatedName)
          const complaint = complaintAbout(bytesOf('['.repeat(around) + text + ']'.repeat(around)))
          expect(complaint === 'none').toBe(around + depth <= 10_000)
        },
      ),
      { numRuns: 100 },
    )
  })
})
