import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { RegistryError } from './errors.ts'
import {
  findAnnotations,
  findNode,
  findText,
  getSize,
  type JsonNode,
  listNodes,
  listTexts,
  parseManifestJson,
} from './manifest-json.ts'

function parse(text: string): JsonNode {
  return parseManifestJson(new TextEncoder().encode(text))
}

function nodeOf(value: unknown): JsonNode {
  return parse(JSON.stringify(value))
}

const invalid = expect.objectContaining({ code: 'MANIFEST_INVALID' })

test.each(['', 'null', '1', '"a"', '[]', '{', '{"a":1,"a":2}', '\ufeff{}'])('%j is no manifest', (text) => {
  expect(() => parse(text)).toThrow(invalid)
})

describe('null, absent and empty are the same, as in Go', () => {
  test.each([{}, { config: null }])('no object: %j', (value) => {
    expect(findNode(nodeOf(value), 'config')).toBeNull()
  })

  test.each([{}, { layers: null }, { layers: [] }])('no list: %j', (value) => {
    expect(listNodes(nodeOf(value), 'layers')).toEqual([])
  })

  test.each([{}, { mediaType: null }, { mediaType: '' }])('no text: %j', (value) => {
    expect(findText(nodeOf(value), 'mediaType')).toBeNull()
  })

  test.each([{}, { annotations: null }])('no annotations: %j', (value) => {
    expect(findAnnotations(nodeOf(value))).toBeNull()
  })

  test('an annotation that is null is an empty text', () => {
    expect(findAnnotations(nodeOf({ annotations: { a: null } }))).toEqual({ a: '' })
  })
})

describe('a field of another type is refused, and the message says where it stands', () => {
  const layer = listNodes(
    nodeOf({ layers: [{}, { mediaType: 1, urls: ['a', 2], size: -1, annotations: { k: 3 } }] }),
    'layers',
  )[1] as JsonNode

  test('a text', () => {
    expect(() => findText(layer, 'mediaType')).toThrow('layers[1].mediaType must be a text.')
  })

  test('a list of texts', () => {
    expect(() => listTexts(layer, 'urls')).toThrow('layers[1].urls[1] must be a text.')
  })

  test('a size', () => {
    expect(() => getSize(layer)).toThrow('layers[1].size must be the number of bytes')
  })

  test('an annotation', () => {
    expect(() => findAnnotations(layer)).toThrow('layers[1].annotations["k"] must be a text.')
  })

  test('a list', () => {
    expect(() => listNodes(nodeOf({ layers: {} }), 'layers')).toThrow('layers must be a list.')
  })

  test('an object in a list', () => {
    expect(() => listNodes(nodeOf({ layers: [[]] }), 'layers')).toThrow('layers[0] must be a JSON object.')
  })

  test('an object', () => {
    expect(() => findNode(nodeOf({ config: 'a' }), 'config')).toThrow('config must be a JSON object.')
  })
})

describe('a size is a number of bytes that a file can have', () => {
  test.each(['0', '-0', '1', '1e3', String(Number.MAX_SAFE_INTEGER)])('%s', (text) => {
    const size = getSize(parse(`{"size":${text}}`))
    expect(Object.is(size, Math.abs(Number(text)))).toBe(true)
  })

  test.each(['-1', '0.5', '1e400', '9007199254740992', '"1"', 'null', '[1]'])('not %s', (text) => {
    expect(() => getSize(parse(`{"size":${text}}`))).toThrow(invalid)
  })

  test('not nothing', () => {
    expect(() => getSize(parse('{}'))).toThrow(invalid)
  })
})

describe('a name that Go would take for a field is refused', () => {
  test.each(['Layers', 'LAYERS', 'layerſ', 'mediatype', 'MediaType', 'Manifests', 'ſize', 'uRLs'])(
    '%j',
    (name) => {
      expect(() => nodeOf({ [name]: [] })).toThrow(invalid)
    },
  )

  test('also inside', () => {
    expect(() => findNode(nodeOf({ config: { Digest: '' } }), 'config')).toThrow(
      'Write "digest" instead of "Digest"',
    )
  })

  test.each(['layer', 'x-layers', 'org.example.Layers', '__proto__', 'constructor', '', 'Data'])(
    'but %j is left alone',
    (name) => {
      expect(parse(`{${JSON.stringify(name)}:1}`).fields[name]).toBe(1)
    },
  )

  test('and annotations may have any key', () => {
    expect(findAnnotations(nodeOf({ annotations: { Layers: 'a', layers: 'b' } }))).toEqual({
      Layers: 'a',
      layers: 'b',
    })
  })
})

test('annotations come back as they were, whatever their keys', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })),
      (annotations) => {
        const found = findAnnotations(nodeOf({ annotations })) ?? {}
        expect(Object.entries(found)).toEqual(Object.entries(annotations))
      },
    ),
  )
})

test('an annotation named __proto__ is an annotation', () => {
  const found = findAnnotations(parse('{"annotations":{"__proto__":"a"}}')) ?? {}
  expect(Object.entries(found)).toEqual([['__proto__', 'a']])
  expect(Object.getPrototypeOf(found)).toBe(Object.prototype)
})

test('no bytes make it throw anything but a refusal', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        parseManifestJson(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(RegistryError)
      }
    }),
  )
})
