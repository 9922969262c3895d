/**
 * Debian's docker-registry 2.8 and Berth, both fresh and configured alike, answer the same requests in the same
 * order. Where they differ, docs/protocols/differences.md says why; a difference that no row explains fails here,
 * and so does a row that explains nothing.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeWith } from '../tools/describe-with.ts'
import { type Comparison, compare } from './comparison.ts'
import { ROUNDS, type Round } from './rounds.ts'
import { explains, readRules } from './rules.ts'
import { parseScript, type ScriptedRequest } from './script.ts'
import { newVolumes, startPair } from './servers.ts'

setDefaultTimeout(60_000)

const rules = readRules()
const used = new Set<number>()

type Stage = Pick<Round, 'settings' | 'scripts'>

function stagesOf(round: Round): readonly Stage[] {
  return round.after === undefined ? [round] : [round.after, round]
}

function scriptOf({ scripts }: Stage): ScriptedRequest[] {
  return scripts.flatMap((name) =>
    parseScript(`${name}.txt`, readFileSync(join(import.meta.dir, 'script', `${name}.txt`), 'utf8')),
  )
}

/** What no row explains, as lines for a person. */
function unexplained({ request, disagreements, mute }: Comparison): string[] {
  const texts = mute === null ? [] : [`${request.place} ${request.method} ${request.target}: ${mute}`]
  const lines = disagreements.flatMap((each) => {
    const rule = rules.find((candidate) => explains(candidate, each))
    if (rule !== undefined) used.add(rule.line)
    const { route, conditions, field, theirs, ours } = each
    const line = `| \`${route}\` | ${conditions[0]} | \`${field}\` | \`${theirs}\` | \`${ours}\` |`
    return rule === undefined ? [`${request.place} ${request.method} ${request.target}: ${line}`] : []
  })
  return [...texts, ...lines]
}

describeWith('docker-registry and Berth', ['docker-registry'], (tools) => {
  test.each(ROUNDS.map((round) => [round.name, round] as const))('answer alike: %s', async (_, round) => {
    using volumes = newVolumes()
    const lines: string[] = []
    for (const each of stagesOf(round)) {
      await using pair = await startPair(tools['docker-registry'], each.settings, volumes)
      for (const request of scriptOf(each)) lines.push(...unexplained(await compare(pair, request)))
    }
    expect(lines).toEqual([])
  })

  test('every rule was seen', () => {
    const unseen = rules.filter(({ line }) => !used.has(line))
    expect(unseen.map(({ line }) => `differences.md:${line} explains nothing`)).toEqual([])
  })
})

test('there are at least 300 requests', () => {
  expect(ROUNDS.flatMap(stagesOf).flatMap(scriptOf).length).toBeGreaterThanOrEqual(300)
})

test('there are at most 60 rules, no two of them alike, and each says where it comes from', () => {
  expect(rules.length).toBeLessThanOrEqual(60)
  const keys = rules.map(({ route, when, field }) => `${route} ${when} ${field}`)
  expect(new Set(keys).size).toBe(keys.length)
  for (const { line, why } of rules) expect(`${line}: ${why}`).toMatch(/\]\(https:\/\/[^)]+\)/)
})
