/** Everything comes to rest: every time is over, the trash is empty, and collection finds nothing to do. Then nothing is left that nobody needs. */
import { requireNoLeftovers } from '../checks/leftovers.ts'
import type { Run } from '../run.ts'
import { NOTHING_TO_DO } from './step.ts'
import { purge } from './trash.ts'

/** Of which each begins when another grace is over: content is reviewed, condemned, deleted and unlinked. */
const ROUNDS = 8

export async function settle(run: Run): Promise<unknown> {
  const { world } = run
  if (!world.isSimulated) return NOTHING_TO_DO
  await world.goThroughTree()
  for (let round = 0; round < ROUNDS; round++) {
    await run.forward(round === 0 ? world.times.trash + world.times.uploads : world.times.grace)
    await purge(run)
    await world.expireUploads()
    await world.collectAll()
    await world.flush()
  }
  await run.check()
  return await requireNoLeftovers(world, run.model)
}
