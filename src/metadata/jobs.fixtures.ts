/** A call of each function by which jobs are shared, and of those that tell what they have before them. */
import { countLeaving, countReviews } from './collection-status.ts'
import type { Transaction } from './database.ts'
import * as jobs from './jobs.ts'
import { forgetSetting } from './settings.ts'
import { countUploads } from './uploads.ts'

export const JOB_SAMPLES: Readonly<Record<string, (tx: Transaction) => readonly (() => Promise<unknown>)[]>> =
  {
    makeJobKnown: (tx) => [() => jobs.makeJobKnown(tx, 'work')],
    bringJobForward: (tx) => [() => jobs.bringJobForward(tx, 'work', 100)],
    takeJob: (tx) => [() => jobs.takeJob(tx, 'work', 'one', 100)],
    renewJob: (tx) => [() => jobs.renewJob(tx, 'work', 'one', 100)],
    endJobWell: (tx) => [() => jobs.endJobWell(tx, 'work', 'one', 100)],
    endJobBadly: (tx) => [() => jobs.endJobBadly(tx, 'work', 'one', { dueAt: 100, error: 'full' })],
    leaveJob: (tx) => [() => jobs.leaveJob(tx, 'work', 'one')],
    findJob: (tx) => [() => jobs.findJob(tx, 'work')],
    listJobs: (tx) => [() => jobs.listJobs(tx)],
    countReviews: (tx) => [() => countReviews(tx, 100)],
    countLeaving: (tx) => [() => countLeaving(tx, 'condemned')],
    countUploads: (tx) => [() => countUploads(tx)],
    forgetSetting: (tx) => [() => forgetSetting(tx, 'key')],
  }
