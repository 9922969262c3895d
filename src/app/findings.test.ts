/** The operator is told of each oddity once, and finds all of them in a file. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type FindingKind, Findings } from '../registry/tree/findings.ts'
import { findingsFile, forgetFindings, tellNewFindings } from './findings.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'berth-findings-'))
  mkdirSync(dirname(findingsFile(root)))
})
afterEach(() => rmSync(root, { recursive: true }))

function tell(...found: readonly (readonly [FindingKind, string])[]): Promise<string[]> {
  const findings = new Findings()
  for (const [kind, place] of found) findings.add(kind, place)
  return tellNewFindings(root, findings.list())
}

const told = (sentence: string) => `${sentence} (all that was found: ${findingsFile(root)})`
const CERTS = ['foreign file', 'certs'] as const
const STORE = ['foreign file', 'docker/.DS_Store'] as const
const TEMPORARY = ['temporary file', 'a/link.0d8f.tmp'] as const
const FOREIGN = "found files and folders that are not a registry's, and left them as they are"

test('what is found is told once, and later what is new alone', async () => {
  expect(await tell(CERTS)).toEqual([told(`${FOREIGN} (1): certs`)])
  expect(await tell(CERTS)).toEqual([])
  expect(await tell(CERTS, STORE, TEMPORARY)).toEqual([
    told(`${FOREIGN} (1): docker/.DS_Store`),
    told('found temporary files of another registry, and left them as they are (1): a/link.0d8f.tmp'),
  ])
  expect(await tell(STORE, TEMPORARY, CERTS)).toEqual([])
})

test('what one start does not look at is not told again by the next that does', async () => {
  await tell(CERTS, TEMPORARY)
  expect(await tell(CERTS)).toEqual([])
  expect(await tell(CERTS, TEMPORARY)).toEqual([])
})

test('the same place is told again where something else is odd about it', async () => {
  await tell(['empty link', 'a/link'])
  expect(await tell(['torn link', 'a/link'])).toHaveLength(1)
})

test('the file has a line for each, with when and what and where, whatever a file is called', async () => {
  await tell(CERTS, ['foreign file', 'two\nlines\t"'], TEMPORARY)
  const [, , ...lines] = readFileSync(findingsFile(root), 'utf8').trim().split('\n')
  expect(lines.map((line) => line.split('\t').slice(1))).toEqual([
    ['foreign file', 'certs'],
    ['foreign file', 'two\\nlines\\t\\"'],
    ['temporary file', 'a/link.0d8f.tmp'],
  ])
  for (const line of lines) expect(new Date(line.split('\t')[0] ?? '').getTime()).toBeGreaterThan(0)
  expect(await tell(['foreign file', 'two\nlines\t"'])).toEqual([])
})

test('where nothing is odd there is no file, and who deletes it is told everything again', async () => {
  expect(await tell()).toEqual([])
  expect(await Bun.file(findingsFile(root)).exists()).toBe(false)
  await tell(CERTS)
  await forgetFindings(root)
  expect(await tell(CERTS)).toHaveLength(1)
})

test('of thousands of one kind a thousand are kept, all are counted, and none is told again', async () => {
  const many = Array.from({ length: 1500 }, (_, index) => ['temporary file', `t${index}.tmp`] as const)
  expect(await tell(...many)).toEqual([
    told(
      'found temporary files of another registry, and left them as they are (1500): t0.tmp, t1.tmp, t2.tmp, …',
    ),
  ])
  expect(await tell(...many)).toEqual([])
  expect(readFileSync(findingsFile(root), 'utf8').trim().split('\n')).toHaveLength(2 + 1000 + 1)
})

test('a file that has grown long is written anew with what is there now', async () => {
  for (let batch = 0; batch < 21; batch++) {
    await tell(...Array.from({ length: 1000 }, (_, index) => ['foreign file', `${batch}-${index}`] as const))
  }
  expect(await tell(['foreign file', 'now'])).toHaveLength(1)
  expect(readFileSync(findingsFile(root), 'utf8').trim().split('\n')).toHaveLength(2 + 1)
})
