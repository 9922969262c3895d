/** A term in which Berth serves the folder: killed while it starts, indexes, or does a step, or right behind one, or stopped in peace. */
import { type BerthServer, launchBerth, startBerth } from '../berth-server.ts'
import { until } from '../until.ts'
import { chooseStep, pick, type Step } from './steps.ts'
import { type History, look, write } from './telling.ts'

/**
 * Milliseconds from the start of a process, from its first answer, and from the first request of a step until it is
 * killed, at the most. Chance decides when: these pauses are what is tested, and wait for nothing.
 */
const [LONGEST_START, LONGEST_INDEX, LONGEST_STEP] = [900, 150, 40]
const [KILLED_AT_START, KILLED_IN_INDEX, KILLED_IN_STEP, KILLED_BEHIND_STEP] = [0.25, 0.5, 0.35, 0.35]

type Way = History['ways'][number]

export async function serveByBerth(history: History): Promise<void> {
  const { random, story } = history
  const way = pick(history, history.ways)
  if (random() < KILLED_AT_START) await killAtStart(history, way)
  if (random() < KILLED_IN_INDEX) await killInIndex(history, way)
  await using berth = await start(history, way)
  await look(history, berth.url, 'berth')
  history.model.forget()
  await write(history, berth.url, 'berth')
  await untilIndexed(berth)
  await look(history, berth.url, 'berth')
  await write(history, berth.url, 'berth')
  const end = random()
  if (end < KILLED_IN_STEP) return await killInStep(history, berth)
  if (end < KILLED_IN_STEP + KILLED_BEHIND_STEP) return await killBehindStep(history, berth)
  story.push('berth is stopped')
  await berth.stop()
  history.model.forget()
}

/** Started, and waited for until it knows all of the folder. */
export async function startAndIndex(history: History): Promise<BerthServer> {
  const berth = await start(history, pick(history, history.ways))
  await untilIndexed(berth)
  return berth
}

async function start({ data, story, model }: History, env: Way): Promise<BerthServer> {
  model.recovers()
  story.push(`berth starts ${Object.keys(env)}`)
  return await startBerth({ data, env })
}

async function killAtStart({ data, random, story }: History, env: Way): Promise<void> {
  const life = random() * LONGEST_START
  story.push(`berth starts and is killed after ${life.toFixed(0)} ms`)
  await using berth = await launchBerth({ data, env })
  await Bun.sleep(life)
  await berth.kill()
}

/** The folder is being gone through; a write makes it adopt a repository in between. */
async function killInIndex(history: History, env: Way): Promise<void> {
  await using berth = await start(history, env)
  await killInStep(history, berth, LONGEST_INDEX)
}

/** The step that is cut off may have happened, the earlier ones have. */
async function killInStep(history: History, berth: BerthServer, longest = LONGEST_STEP): Promise<void> {
  const { random, story } = history
  let isKilled = false
  const life = random() * longest
  story.push(`berth is killed ${life.toFixed(0)} ms after the beginning of`)
  const killing = Bun.sleep(life).then(() => {
    isKilled = true
    return berth.kill()
  })
  while (!isKilled) await tryStep(history, berth)
  await killing
  story.push(`berth is dead; its index was ${isIndexed(berth) ? 'finished' : 'not finished'}`)
}

/** Before its last changes are durable; all have been answered. */
async function killBehindStep(history: History, berth: BerthServer): Promise<void> {
  const step = chooseStep({ ...history, writer: 'berth' })
  await step.perform(berth.url)
  await berth.kill()
  history.story.push(`${step.says}, and berth is killed`)
  history.model.acknowledgeByBerth(step.changes)
}

async function tryStep(history: History, berth: BerthServer): Promise<void> {
  const step: Step = chooseStep({ ...history, writer: 'berth' })
  try {
    await step.perform(berth.url)
  } catch (error) {
    // A refusal would be an error of Berth; only a connection that breaks is the kill.
    if (error instanceof Error && error.message.includes(' answered ')) throw error
    history.story.push(`${step.says} (cut off)`)
    return history.model.cutOff(step.changes)
  }
  history.story.push(step.says)
  history.model.acknowledgeByBerth(step.changes)
}

/** From then on the database alone is asked. */
function untilIndexed(berth: BerthServer): Promise<void> {
  return until('the images were gone through', () => isIndexed(berth), { withinMilliseconds: 30_000 })
}

function isIndexed(berth: BerthServer): boolean {
  return berth.log().includes('repositories were gone through')
}
