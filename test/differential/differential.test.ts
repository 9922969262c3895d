/**
 * Debian's docker-registry 2.8 and Berth, both fresh and configured alike, answer the same requests in the same
 * order. Where they differ, docs/protocols/differences.md says why; a difference that no row explains fails here,
 * and so does a row that explains nothing.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { type Comparison, compare } from './comparison.ts'
import { ROUNDS, type Round } from './rounds.ts'
import { claimsOf, claimsShown, explains, readRules } from './rules.ts'
import { parseScript, type ScriptedRequest } from './script.ts'
import { newSurroundings, type Pair, type Surroundings, startPair } from './servers.ts'

setDefaultTimeout(60_000)

const rules = readRules()
const shown = new Set<string>()

type Stage = Pick<Round, 'settings' | 'scripts' | 'fallsIll'>

function stagesOf(round: Round): readonly Stage[] {
  return round.after === undefined ? [round] : [round.after, round]
}

function scriptOf({ scripts }: Stage): ScriptedRequest[] {
  return scripts.flatMap((name) =>
    parseScript(`${name}.txt`, readFileSync(join(import.meta.dir, 'script', `${name}.txt`), 'utf8')),
  )
}

const ASK_HEALTH: ScriptedRequest = {
  place: 'before the script',
  method: 'GET',
  target: 'debug:/debug/health',
  headers: [],
  body: null,
  keep: null,
  when: '',
}

/** Until every one of their three checks has failed at both. */
async function fallIll(surroundings: Surroundings, { theirs, ours }: Pair): Promise<void> {
  await surroundings.fallIll()
  for (const each of [theirs, ours]) {
    await until(`all checks of ${each.name} fail`, async () => {
      const { body } = await each.send(ASK_HEALTH)
      return Object.keys(JSON.parse(body.toString())).length === 3
    })
  }
}

/** What no row explains, as lines for a person. */
function unexplained({ request, disagreements, mute }: Comparison): string[] {
  const texts = mute === null ? [] : [`${request.place} ${request.method} ${request.target}: ${mute}`]
  const lines = disagreements.flatMap((each) => {
    const rule = rules.find((candidate) => explains(candidate, each))
    if (rule !== undefined) for (const claim of claimsShown(rule, each)) shown.add(claim)
    const { route, conditions, field, theirs, ours } = each
    const line = `| \`${route}\` | ${conditions[0]} | \`${field}\` | \`${theirs}\` | \`${ours}\` |`
    return rule === undefined ? [`${request.place} ${request.method} ${request.target}: ${line}`] : []
  })
  return [...texts, ...lines]
}

describeWith('docker-registry and Berth', ['docker-registry'], (tools) => {
  test.each(ROUNDS.map((round) => [round.name, round] as const))('answer alike: %s', async (_, round) => {
    await using surroundings = newSurroundings()
    const lines: string[] = []
    for (const each of stagesOf(round)) {
      await using pair = await startPair(tools['docker-registry'], each.settings, surroundings)
      if (each.fallsIll === true) await fallIll(surroundings, pair)
      for (const request of scriptOf(each)) lines.push(...unexplained(await compare(pair, request)))
    }
    expect(lines).toEqual([])
  })

  test('every rule was seen', () => {
    const unseen = rules.flatMap(claimsOf).filter((claim) => !shown.has(claim))
    expect(unseen.map((claim) => `${claim}: explains nothing`)).toEqual([])
  })
})

test('there are at least 300 requests', () => {
  expect(ROUNDS.flatMap(stagesOf).flatMap(scriptOf).length).toBeGreaterThanOrEqual(300)
})

test('there are at most 60 rules, no two of them alike, and each says where it comes from', () => {
  expect(rules.length).toBeLessThanOrEqual(60)
  const keys = rules.flatMap(({ routes, whens, field }) =>
    routes.flatMap((route) => whens.map((when) => `${route} ${when} ${field}`)),
  )
  expect(new Set(keys).size).toBe(keys.length)
  for (const { line, why } of rules) expect(`${line}: ${why}`).toMatch(/\]\(https:\/\/[^)]+\)/)
})
