/**
 * The writes by which processes share the jobs among them. None is durable: after a power cut a job is at worst run once
 * more, and each run is made of use cases that may be run at any time.
 */
import { command, type Transaction } from '../metadata/database.ts'
import {
  bringJobForward,
  endJobBadly,
  endJobWell,
  findJob,
  leaveJob,
  makeJobKnown,
  renewJob,
  takeJob,
} from '../metadata/jobs.ts'

/** Who wants a job, or has it. */
export interface JobHolder {
  readonly name: string
  /** The process. */
  readonly owner: string
}

export type JobClaim =
  /** It is the caller's; so many runs in a row have failed before. */
  | { readonly kind: 'mine'; readonly failures: number }
  /** It is not due, or another's, for so many milliseconds at most. */
  | { readonly kind: 'wait'; readonly milliseconds: number }

/** Milliseconds. */
interface Lease {
  readonly lease: number
}

/** Gives the job to the caller where it is due and nobody else's. Two callers never have it at once. */
export const claimJobCommand = command('jobs.claim', claim, { durable: false })

interface Wish extends JobHolder, Lease {
  /** In so many milliseconds it is due in any case. */
  readonly atLatest: number
}

async function claim(tx: Transaction, { name, owner, lease, atLatest }: Wish): Promise<JobClaim> {
  await makeJobKnown(tx, name)
  await bringJobForward(tx, name, tx.now + atLatest)
  const isMine = await takeJob(tx, name, owner, lease)
  const job = await findJob(tx, name)
  if (isMine) return { kind: 'mine', failures: job?.failures ?? 0 }
  const freeAt = job === null ? tx.now : Math.max(job.dueAt, job.owner === null ? 0 : job.leaseUntil)
  return { kind: 'wait', milliseconds: Math.max(0, freeAt - tx.now) }
}

/** False where the job has become another's: what is under way must end. */
export const renewJobCommand = command(
  'jobs.renew',
  (tx, { name, owner, lease }: JobHolder & Lease): Promise<boolean> => renewJob(tx, name, owner, lease),
  { durable: false },
)

/** What became of a run. It is due again after so many milliseconds. */
export type JobEnd =
  | { readonly kind: 'well'; readonly againIn: number }
  | { readonly kind: 'failed'; readonly againIn: number; readonly error: string }
  /** It was told to stop before its end. */
  | { readonly kind: 'stopped' }

export const endJobCommand = command(
  'jobs.end',
  async (tx, { name, owner, end }: JobHolder & { readonly end: JobEnd }): Promise<void> => {
    if (end.kind === 'well') await endJobWell(tx, name, owner, tx.now + end.againIn)
    else if (end.kind === 'stopped') await leaveJob(tx, name, owner)
    else await endJobBadly(tx, name, owner, { dueAt: tx.now + end.againIn, error: end.error })
  },
  { durable: false },
)
