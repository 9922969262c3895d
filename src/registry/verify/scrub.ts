/**
 * Scrubbing: every stored blob is hashed again, in the order of their digests, slowly, so that a disk that rots is noticed
 * before somebody pulls. When all are through it waits until the next pass is due. Where it stands is in the database, so
 * that it goes on after a restart, whichever process does it; what was hashed longest ago is always the next.
 */
import { countDamage } from '../../metadata/damage.ts'
import type { Read } from '../../metadata/database.ts'
import { findSetting } from '../../metadata/settings.ts'
import { lookAtBlobs } from './blobs.ts'
import type { VerifyFinding } from './finding.ts'
import { BEGIN, Look, type Position, type VerifyPlace } from './look.ts'
import { discardOld, lookAtDamage } from './quarantine.ts'
import { putScrubStateCommand, SCRUB_SETTING } from './repair.commands.ts'

export interface ScrubOptions {
  /** Milliseconds from the beginning of one pass to that of the next, at least. */
  readonly every: number
  readonly bytesPerSecond: number
  readonly signal: AbortSignal
}

export interface ScrubStep {
  /** Milliseconds until the next step is due. */
  readonly againIn: number
  /** What this step has found, and put aside. */
  readonly findings: readonly VerifyFinding[]
}

/** Times are milliseconds since 1970. */
export interface ScrubState {
  /** The digest after which it goes on. */
  readonly after: string
  /** When the pass that is under way, or comes next, begins. */
  readonly passDueAt: number
  /** When the last pass through all blobs ended; null where there was none. */
  readonly passEndedAt: number | null
  /** In all passes together. */
  readonly blobs: number
  readonly bytes: number
}

/** How long a step goes on, and how long after the start of a new registry the first pass begins, in milliseconds. */
const STEP = 10_000
const FIRST_PASS = 24 * 60 * 60 * 1000
/** Who asks for the hashes. */
const RUN = 'scrub'

/** One bounded step. Throws DatabaseUnavailable, WriterUnavailable. */
export async function scrubOnce(
  place: VerifyPlace,
  { every, bytesPerSecond, signal }: ScrubOptions,
  now = Date.now(),
): Promise<ScrubStep> {
  const { database, policy } = place.registry
  const state = await findScrubState(database)
  if (state === null) {
    const passDueAt = now + Math.min(every, FIRST_PASS)
    await save(place, { after: '', passDueAt, passEndedAt: null, blobs: 0, bytes: 0 })
    return { againIn: passDueAt - now, findings: [] }
  }
  const dueAt = dueTime(state, every, now)
  // Kept, for what is counted from now on would never come.
  if (dueAt < state.passDueAt) await save(place, { ...state, passDueAt: dueAt })
  if (dueAt > now) return { againIn: dueAt - now, findings: [] }
  const options = { deep: true, repair: !policy.isReadOnly, bytesPerSecond, signal }
  const look = new Look(place, options, { run: RUN, milliseconds: STEP })
  const next = await lookAtBlobs(look, { ...BEGIN, after: state.after })
  const { blobs, hashedBytes } = look.counts
  const counted = { ...state, passDueAt: dueAt, blobs: state.blobs + blobs, bytes: state.bytes + hashedBytes }
  if (next !== null) {
    await save(place, { ...counted, after: next.after })
    return { againIn: 0, findings: look.findings }
  }
  await tidyQuarantine(look, now)
  const passDueAt = Math.max(dueAt + every, now)
  await save(place, { ...counted, after: '', passDueAt, passEndedAt: now })
  return { againIn: passDueAt - now, findings: look.findings }
}

/** When the pass is due: earlier than was said where `every` is shorter now, or the clock was ahead then. */
function dueTime({ passDueAt, passEndedAt }: ScrubState, every: number, now: number): number {
  if (passEndedAt === null) return Math.min(passDueAt, now + Math.min(every, FIRST_PASS))
  return Math.min(passDueAt, passEndedAt + every, now + every)
}

/** Null before the first step. */
export async function findScrubState(read: Read): Promise<ScrubState | null> {
  const found = await findSetting(read, SCRUB_SETTING)
  return found === null ? null : (JSON.parse(found) as ScrubState)
}

export interface ScrubStatus {
  readonly state: ScrubState | null
  /** How many blobs are known to be damaged. */
  readonly damaged: number
}

export async function scrubStatus(read: Read): Promise<ScrubStatus> {
  return { state: await findScrubState(read), damaged: await countDamage(read) }
}

async function save({ registry }: VerifyPlace, state: ScrubState): Promise<void> {
  await registry.database.write(putScrubStateCommand, { state: JSON.stringify(state) })
}

/** What lies aside of blobs that have been whole again for long, and what is noted of those that are gone. Once a pass: what is left when it is stopped waits for the next. */
async function tidyQuarantine(look: Look, now: number): Promise<void> {
  const { repair, signal } = look.options
  if (!repair) return
  for (let from: Position | null = BEGIN; from !== null && !signal.aborted; )
    from = await lookAtDamage(look, from)
  for await (const bytes of look.registry.blobs.listQuarantined()) {
    if (signal.aborted) return
    await look.at(bytes.digest, () => discardOld(look.registry, bytes, now), false)
  }
}
