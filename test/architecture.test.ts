/**
 * The shape of the house, proved from the files themselves: who imports whom, what files are called, how long
 * they are, and that each says what it is for. The rules are those of ARCHITECTURE.md; there is no list of
 * exceptions. The lower half of this file shows that each rule would notice a file that breaks it.
 */
import { describe, expect, test } from 'bun:test'
import { posix } from 'node:path'

/** Data at the top. A layer imports from those above it; layers on one line do not know each other. */
const LEVELS: readonly (readonly string[])[] = [
  ['lib'],
  ['oci', 'http', 'observability', 'contract'],
  ['storage', 'metadata', 'config'],
  ['events'],
  ['access'],
  ['registry'],
  ['mirror', 'webhooks'],
  ['protocols', 'jobs'],
  ['app'],
  ['cli'],
  ['main'],
]

/** Files that stand in no folder, and the layer that they are; the tests of each are of the same. */
const ROOT_FILES: ReadonlyMap<string, string> = new Map([
  ['app.ts', 'app'],
  ['writer.ts', 'app'],
  ['supervisor.ts', 'app'],
  ['main.ts', 'main'],
])

interface Import {
  readonly from: string
  /** A path from the root of the repository, or the name of a package. */
  readonly to: string
}

/** What the order of the layers alone would allow, and is not. */
interface Limit {
  readonly rule: string
  forbids(edge: Import): boolean
}

const STORAGE_PORTS = [
  'src/storage/blob-store.ts',
  'src/storage/tree-store.ts',
  'src/storage/backup-folder.ts',
  'src/storage/layout.ts',
]

const LIMITS: readonly Limit[] = [
  {
    rule: 'config imports lib and oci only',
    forbids: ({ from, to }) => isIn('config', from) && isSource(to) && !isIn('lib oci config', to),
  },
  {
    rule: 'only app and cli import config',
    forbids: ({ from, to }) => isIn('config', to) && !isIn('app cli config', from),
  },
  {
    rule: 'protocols ask the registry, never metadata or storage',
    forbids: ({ from, to }) =>
      isIn('protocols', from) && isIn('metadata storage', to) && !isDriverOfTest(from, to),
  },
  {
    rule: 'protocols do not know each other',
    forbids: ({ from, to }) =>
      isIn('protocols', from) && isIn('protocols', to) && protocolOf(from) !== protocolOf(to),
  },
  {
    rule: 'the registry sees the ports of storage, never a driver',
    forbids: ({ from, to }) =>
      isIn('registry', from) &&
      isIn('storage', to) &&
      !STORAGE_PORTS.includes(to) &&
      !isDriverOfTest(from, to),
  },
  {
    rule: 'only tests import tests, contract suites and what supports them',
    forbids: ({ from, to }) =>
      !isTest(from) && (isTest(to) || to === 'bun:test' || to === 'fast-check' || /^(test|bench)\//.test(to)),
  },
]

const LONGEST_FILE = 400
const NAMES_THAT_SAY_NOTHING = /^(utils?|helpers?|common|core|misc|services?|managers?)$/

type Sources = ReadonlyMap<string, string>

const sources: Sources = await readSources()

describe('the house', () => {
  test('there is something to look at', () => {
    expect([...sources.keys()]).toContain('src/oci/digest.ts')
    expect(importsOf('src/oci/digest.ts', sources)).toContainEqual({
      from: 'src/oci/digest.ts',
      to: 'src/oci/errors.ts',
    })
  })

  test('every file belongs to a layer', () => expect(filesWithoutLayer(sources)).toEqual([]))
  test('imports point one way', () => expect(importsAgainstTheOrder(sources)).toEqual([]))
  test('imports keep to the limits', () => expect(importsBeyondTheLimits(sources)).toEqual([]))
  test('no files need each other in a circle to run', () => expect(circles(sources)).toEqual([]))
  test('names say something', () => expect(filesWithEmptyNames(sources)).toEqual([]))
  test('there are no barrels', () => expect(barrels(sources)).toEqual([]))
  test(`no file is longer than ${LONGEST_FILE} lines`, () => expect(filesTooLong(sources)).toEqual([]))
  test('every module says what it is for', () => expect(filesWithoutPurpose(sources)).toEqual([]))
  test('only src/config/env.ts reads the environment', () =>
    expect(readersOfTheEnvironment(sources)).toEqual([]))
})

// What a path says.

function isSource(path: string): boolean {
  return path.startsWith('src/')
}

function isTest(path: string): boolean {
  return /\.(test|contract)\.tsx?$/.test(path) || path.startsWith('test/')
}

function layerOf(path: string): string | null {
  const [first = '', second] = path.replace(/^src\//, '').split('/')
  const layer = second === undefined ? ROOT_FILES.get(first.replace('.test.ts', '.ts')) : first
  return LEVELS.flat().find((known) => known === layer) ?? null
}

function isIn(layers: string, path: string): boolean {
  const layer = isSource(path) ? layerOf(path) : null
  return layer !== null && layers.split(' ').includes(layer)
}

function levelOf(layer: string): number {
  return LEVELS.findIndex((level) => level.includes(layer))
}

/** The folder under `src/protocols`; a file that stands there alone is a protocol of its own. */
function protocolOf(path: string): string | undefined {
  return path.split('/')[2]
}

/** A test sets up what it tests on the real drivers: the folders inside storage and metadata. */
function isDriverOfTest(from: string, to: string): boolean {
  return isTest(from) && /^src\/(storage|metadata)\/[^/]+\//.test(to)
}

// What a file imports.

/** Every file that it names, types and workers too. */
function importsOf(path: string, files: Sources): Import[] {
  const text = files.get(path) ?? ''
  const named = [
    ...scan(path, typesAsValues(text)),
    ...firstGroups(text, /\bimport\(\s*['"]([^'"]+)['"]/g),
    ...firstGroups(text, /\bnew URL\(\s*['"]([^'"]+)['"]\s*,\s*import\.meta\.url/g),
  ]
  return edgesTo(path, named)
}

/** Only what is loaded when it runs. */
function runtimeImportsOf(path: string, files: Sources): Import[] {
  return edgesTo(path, scan(path, files.get(path) ?? ''))
}

/** What Bun's parser finds, which leaves types out. */
function scan(path: string, text: string): string[] {
  const loader = path.endsWith('x') ? 'tsx' : 'ts'
  const transpiler = new Bun.Transpiler({ loader, trimUnusedImports: false })
  return transpiler.scanImports(text).map(({ path }) => path)
}

/** The same imports without the word `type`. */
function typesAsValues(text: string): string {
  return text
    .replace(/^(\s*import)\s+type\s+(?!from\b)/gm, '$1 ')
    .replace(/^(\s*export)\s+type\s+(?=[{*])/gm, '$1 ')
    .replace(/^\s*(import|export)\s*\{[^}]*\}/gm, (names) => names.replace(/\btype\s+(?=\w)/g, ''))
}

function firstGroups(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, group = '']) => group)
}

function edgesTo(from: string, named: readonly string[]): Import[] {
  const targets = named.map((name) => (name.startsWith('.') ? posix.join(posix.dirname(from), name) : name))
  return [...new Set(targets)].map((to) => ({ from, to }))
}

// The rules. Each gives a line for everything that breaks it.

function filesWithoutLayer(files: Sources): string[] {
  return [...files.keys()].filter((path) => isSource(path) && layerOf(path) === null)
}

function importsAgainstTheOrder(files: Sources): string[] {
  return sourceImports(files)
    .filter(({ to }) => isSource(to))
    .filter(({ from, to }) => !mayKnow(layerOf(from), layerOf(to)))
    .map(({ from, to }) => `${from} imports ${to}`)
}

function mayKnow(from: string | null, to: string | null): boolean {
  if (from === null || to === null) return false
  return from === to || levelOf(to) < levelOf(from)
}

function importsBeyondTheLimits(files: Sources): string[] {
  return sourceImports(files).flatMap((edge) =>
    LIMITS.filter((limit) => limit.forbids(edge)).map(
      ({ rule }) => `${edge.from} imports ${edge.to}: ${rule}`,
    ),
  )
}

function sourceImports(files: Sources): Import[] {
  return [...files.keys()].filter(isSource).flatMap((path) => importsOf(path, files))
}

/** Each circle once, as a walk along it. */
function circles(files: Sources): string[] {
  const done = new Set<string>()
  const found: string[] = []
  const visit = (path: string, walk: readonly string[]): void => {
    if (walk.includes(path)) found.push([...walk.slice(walk.indexOf(path)), path].join(' → '))
    if (done.has(path)) return
    done.add(path)
    for (const { to } of runtimeImportsOf(path, files)) visit(to, [...walk, path])
  }
  for (const path of files.keys()) visit(path, [])
  return found
}

function filesWithEmptyNames(files: Sources): string[] {
  return [...files.keys()].filter((path) =>
    path.split(/[/.-]/).some((word) => NAMES_THAT_SAY_NOTHING.test(word)),
  )
}

function barrels(files: Sources): string[] {
  return [...files.keys()].filter((path) => /(^|\/)index\.tsx?$/.test(path))
}

function filesTooLong(files: Sources): string[] {
  return [...files]
    .filter(([path, text]) => !isTest(path) && text.trimEnd().split('\n').length > LONGEST_FILE)
    .map(([path]) => path)
}

/** A comment at the top, or a docstring on the first thing that it exports. */
function filesWithoutPurpose(files: Sources): string[] {
  return [...files]
    .filter(([path, text]) => isSource(path) && !isTest(path) && !hasPurpose(text))
    .map(([path]) => path)
}

function hasPurpose(text: string): boolean {
  const code = text.replace(/^#!.*\n/, '').trimStart()
  if (/^\/[*/]/.test(code)) return true
  const firstExport = code.search(/^export\b/m)
  return firstExport > 0 && code.slice(0, firstExport).trimEnd().endsWith('*/')
}

function readersOfTheEnvironment(files: Sources): string[] {
  return [...files]
    .filter(([path]) => isSource(path) && !isTest(path) && path !== 'src/config/env.ts')
    .filter(([, text]) => ENVIRONMENT.some((pattern) => pattern.test(withoutComments(text))))
    .map(([path]) => path)
}

const ENVIRONMENT = [
  /\b(process|Bun|import\.meta)\s*(\?\.|\.|\[\s*['"`])\s*env\b/,
  /\benv\b[^=;]*\}\s*=\s*(process|Bun|import\.meta)\b/,
  /\bimport\s*\{[^}]*\benv\b[^}]*\}\s*from\s*['"](node:process|process|bun)['"]/,
]

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')
}

async function readSources(): Promise<Sources> {
  const root = new URL('..', import.meta.url).pathname
  const paths = await Array.fromAsync(
    new Bun.Glob('{src,test,bench,scripts}/**/*.{ts,tsx}').scan({ cwd: root }),
  )
  const texts = paths.sort().map(async (path) => [path, await Bun.file(`${root}${path}`).text()] as const)
  return new Map(await Promise.all(texts))
}

// The rules notice what breaks them.

describe('an import that is noticed', () => {
  test.each([
    ['from lib upwards', 'src/lib/a.ts', "import { a } from '../oci/a.ts'"],
    ['between siblings', 'src/oci/a.ts', "import { a } from '../http/a.ts'"],
    ['between storage and metadata', 'src/metadata/a.ts', "import { a } from '../storage/a.ts'"],
    ['of a type', 'src/oci/a.ts', "import type { A } from '../registry/a.ts'"],
    ['of a type by default', 'src/oci/a.ts', "import type A from '../registry/a.ts'"],
    ['of all types', 'src/oci/a.ts', "import type * as a from '../registry/a.ts'"],
    ['of a type among values', 'src/oci/a.ts', "import { type A } from '../registry/a.ts'"],
    ['of a type where it is used', 'src/oci/a.ts', "export type B = import('../registry/a.ts').A"],
    ['over several lines', 'src/oci/a.ts', "import {\n  a,\n  type B,\n} from '../registry/a.ts'"],
    ['for its effects', 'src/oci/a.ts', "import '../registry/a.ts'"],
    ['that is handed on', 'src/oci/a.ts', "export { a } from '../registry/a.ts'"],
    ['of types that are handed on', 'src/oci/a.ts', "export type { A } from '../registry/a.ts'"],
    ['of everything, handed on', 'src/oci/a.ts', "export * from '../registry/a.ts'"],
    ['at run time', 'src/oci/a.ts', "const a = await import('../registry/a.ts')"],
    ['by a worker', 'src/metadata/a.ts', "new Worker(new URL('../app/writer.ts', import.meta.url))"],
    ['from a test', 'src/oci/a.test.ts', "import { a } from '../registry/a.ts'"],
    ['from a contract suite', 'src/storage/a.contract.ts', "import { a } from '../registry/a.ts'"],
    ['of the composition root', 'src/protocols/oci/a.ts', "import { a } from '../../app.ts'"],
    ['of a file beside it', 'src/jobs/a.ts', "import { a } from '../writer.ts'"],
    ['of the command line', 'src/app.ts', "import { a } from './cli/serve.ts'"],
    ['of main', 'src/cli/a.ts', "import { a } from '../main.ts'"],
    ['of a folder that is no layer', 'src/app.ts', "import { a } from './elsewhere/a.ts'"],
    ['of a folder', 'src/app.ts', "import { a } from './registry'"],
  ])('%s', (_, path, text) => {
    expect(importsAgainstTheOrder(new Map([[path, text]]))).toHaveLength(1)
  })

  test.each([
    ['config imports lib and oci only', 'src/config/a.ts', "import { a } from '../http/a.ts'"],
    ['only app and cli import config', 'src/registry/a.ts', "import type { A } from '../config/a.ts'"],
    ['only app and cli import config', 'src/main.ts', "import { a } from './config/a.ts'"],
    ['never metadata or storage', 'src/protocols/oci/a.ts', "import { a } from '../../metadata/a.ts'"],
    ['never metadata or storage', 'src/protocols/oci/a.ts', "import { a } from '../../storage/memory/a.ts'"],
    ['never metadata or storage', 'src/protocols/oci/a.test.ts', "import { a } from '../../metadata/a.ts'"],
    ['do not know each other', 'src/protocols/oci/a.ts', "import { a } from '../token/a.ts'"],
    ['do not know each other', 'src/protocols/oci/a.ts', "import { a } from '../a.ts'"],
    ['never a driver', 'src/registry/a.ts', "import { a } from '../storage/filesystem/a.ts'"],
    ['never a driver', 'src/registry/tree/a.ts', "import { a } from '../../storage/a.ts'"],
    ['only tests import tests', 'src/lib/a.ts', "import { test } from 'bun:test'"],
    ['only tests import tests', 'src/lib/a.ts', "import { a } from './b.test.ts'"],
    ['only tests import tests', 'src/lib/a.ts', "import { a } from './b.contract.ts'"],
    ['only tests import tests', 'src/lib/a.ts', "import { a } from '../../test/a.ts'"],
  ])('%s: %s, %s', (rule, path, text) => {
    expect(importsBeyondTheLimits(new Map([[path, text]]))).toEqual([expect.stringContaining(rule)])
  })
})

test.each([
  ['src/registry/a.ts', "import { a } from './b.ts'"],
  ['src/registry/a.ts', "import type { BlobStore } from '../storage/blob-store.ts'"],
  ['src/registry/a.ts', "import { a } from '../metadata/a.ts'"],
  ['src/registry/a.test.ts', "import { a } from '../storage/memory/a.ts'"],
  ['src/registry/a.test.ts', "import { a } from '../../test/a.ts'"],
  ['src/protocols/oci/a.ts', "import { a } from './b.ts'"],
  ['src/protocols/oci/a.ts', "import { a } from '../../registry/a.ts'"],
  ['src/protocols/oci/a.test.ts', "import { a } from '../../metadata/sqlite/a.ts'"],
  ['src/storage/memory/a.test.ts', "import { a } from '../blob-store.contract.ts'"],
  ['src/storage/memory/a.test.ts', "import { test } from 'bun:test'"],
  ['src/config/a.ts', "import { a } from '../lib/a.ts'\nimport { b } from '../oci/b.ts'"],
  ['src/app.ts', "import { a } from './config/a.ts'\nimport { b } from './storage/memory/b.ts'"],
  ['src/app/a.ts', "import { a } from '../writer.ts'"],
  ['src/main.ts', "import { a } from './cli/a.ts'"],
  ['src/lib/a.ts', "import { a } from 'node:fs'\nimport manifest from '../../package.json'"],
  ['src/lib/a.ts', '// import { a } from "../main.ts"\nconst a = `\nimport { a } from "../main.ts"\n`'],
])('%s may say: %j', (path, text) => {
  const files = new Map([[path, text]])
  expect([...importsAgainstTheOrder(files), ...importsBeyondTheLimits(files)]).toEqual([])
})

describe('a circle', () => {
  const b = "import { c } from './c.ts'"

  test('is noticed, and walked', () => {
    const files = new Map([
      ['src/lib/a.ts', "import { b } from './b.ts'"],
      ['src/lib/b.ts', b],
      ['src/lib/c.ts', "import { b } from './b.ts'"],
    ])
    expect(circles(files)).toEqual(['src/lib/b.ts → src/lib/c.ts → src/lib/b.ts'])
  })

  test('of a file with itself is noticed', () => {
    expect(circles(new Map([['src/lib/a.ts', "import { a } from './a.ts'"]]))).toHaveLength(1)
  })

  test('of types is none', () => {
    const files = new Map([
      ['src/lib/b.ts', b],
      ['src/lib/c.ts', "import type { B } from './b.ts'"],
    ])
    expect(circles(files)).toEqual([])
  })

  test('is not two ways to one file', () => {
    const files = new Map([
      ['src/lib/a.ts', "import { b } from './b.ts'\nimport { c } from './c.ts'"],
      ['src/lib/b.ts', b],
    ])
    expect(circles(files)).toEqual([])
  })
})

describe('a file that is noticed', () => {
  test.each(['src/elsewhere/a.ts', 'src/other.ts', 'src/toString/a.ts'])('for its place: %s', (path) => {
    expect(filesWithoutLayer(new Map([[path, '']]))).toEqual([path])
  })

  test.each([
    'src/lib/utils.ts',
    'src/utils/a.ts',
    'src/oci/digest-helpers.ts',
    'test/helpers/a.ts',
    'src/registry/manifest.service.ts',
    'src/core/a.ts',
    'src/metadata/connection-manager.ts',
  ])('for its name: %s', (path) => {
    expect(filesWithEmptyNames(new Map([[path, '']]))).toEqual([path])
  })

  test('as a barrel', () => {
    expect(barrels(new Map([['src/oci/index.ts', '']]))).toEqual(['src/oci/index.ts'])
  })

  test('for its length', () => {
    const files = new Map([
      ['src/lib/a.ts', `${'\n'.repeat(400)}a\n`],
      ['src/lib/b.ts', 'b\n'.repeat(400)],
      ['src/lib/c.test.ts', 'c\n'.repeat(500)],
      ['src/lib/d.contract.ts', 'd\n'.repeat(500)],
    ])
    expect(filesTooLong(files)).toEqual(['src/lib/a.ts'])
  })

  test('because it does not say what it is for', () => {
    const files = new Map([
      ['src/lib/a.ts', 'export const a = 1\n\n/** Not the first. */\nexport const b = 2\n'],
      ['src/lib/b.ts', '/** B. */\nconst b = 1\n'],
      ['src/lib/c.ts', "import { b } from './b.ts'\n\n/** C. */\nexport const c = b\n"],
      ['src/main.ts', '#!/usr/bin/env bun\n// Main.\n'],
      ['src/lib/d.test.ts', 'test()\n'],
    ])
    expect(filesWithoutPurpose(files)).toEqual(['src/lib/a.ts'])
  })

  test.each([
    'const a = process.env.HOME',
    "const a = process.env['NODE_ENV']",
    "const a = process['env']",
    'const a = process?.env',
    'const a = Bun.env.HOME',
    'const a = import.meta.env.HOME',
    'const { env } = process',
    'const { argv, env: e } = process',
    "import { env } from 'node:process'",
    "import { argv, env as e } from 'process'",
  ])('because it reads the environment: %s', (text) => {
    expect(readersOfTheEnvironment(new Map([['src/cli/a.ts', text]]))).toEqual(['src/cli/a.ts'])
  })
})

test.each([
  '// process.env\n',
  '/** Not from Bun.env. */\n',
  'const environment = process.argv\n',
  'const { pid } = process\n',
])('it is no reading of the environment to say: %j', (text) => {
  expect(readersOfTheEnvironment(new Map([['src/cli/a.ts', text]]))).toEqual([])
})

test('src/config/env.ts and tests may read the environment', () => {
  const text = 'const a = process.env'
  const files = new Map([
    ['src/config/env.ts', text],
    ['src/metadata/a.test.ts', text],
    ['test/a.ts', text],
  ])
  expect(readersOfTheEnvironment(files)).toEqual([])
})
