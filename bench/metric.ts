/** What a metric is: how it is measured on one contestant, and what its figures mean. */
import type { ToolName } from '../test/tools/catalog.ts'
import type { BlobFile } from './blob-file.ts'
import type { ProgramsContestant } from './contestant.ts'
import type { MetricName } from './metric-names.ts'
import type { Server } from './server.ts'
import type { Subject } from './subject.ts'

/** No program that the benchmark waits for may take longer. */
export const LONGEST_MILLISECONDS = 600_000

/** How much is done: the full run's, or the quick one's. */
export interface Scale {
  readonly rounds: number
  readonly blobBytes: number
  /** Pulls of the blob in one round. */
  readonly pulls: number
  readonly wrkSeconds: number
  /** Whether each server does the work once unmeasured before the first round. */
  readonly warmsUp: boolean
  readonly tagPuts: number
  readonly smallImages: number
  readonly tags: number
  readonly tagsPerPage: number
  /** Of the folder that another registry filled, and the tags of each. */
  readonly oldRepositories: number
  readonly oldTags: number
  /** That nothing needs, and that are collected alone, or beside pushes. */
  readonly garbageBlobs: number
  readonly besideBlobs: number
  /** Of pushes while these are. */
  readonly besideSeconds: number
  /** How long one list is read in one round: long enough for CPU times in steps of 10 ms. */
  readonly listSeconds: number
  /** After writes, before the CPU time is read: what a server does afterwards counts too. */
  readonly afterwardsMilliseconds: number
  /** Before memory is read. */
  readonly restMilliseconds: number
}

export interface Figure {
  /** `metric.figure` is its name in files. */
  readonly name: string
  /** What it counts, such as `requests per CPU second`. */
  readonly title: string
  readonly better: 'more' | 'less'
}

/** By the names of the metric's figures. One that a contestant omits is left out. */
export type Figures = Readonly<Record<string, number>>

/** Measures one round. */
export type MeasureRound = (round: number) => Promise<Figures>

/** What all contestants of a metric share. */
export interface Material {
  readonly scale: Scale
  /** Of `scale.blobBytes`, made when first asked for. */
  blob(): BlobFile
}

export interface Metric {
  readonly name: MetricName
  /** What is done, with its sizes. */
  title(scale: Scale): string
  readonly figures: readonly Figure[]
  /** Programs beside the contestants' that it needs. */
  readonly needs: readonly ToolName[]
  /** Fills a fresh folder and warms the server up; gives what is to be done in each round. */
  prepare(subject: Subject, material: Material): Promise<MeasureRound>
  /** The same work by programs, where that can be. */
  preparePrograms?(contestant: ProgramsContestant, folder: string, material: Material): MeasureRound
}

export interface Cost {
  readonly cpuSeconds: number
  readonly seconds: number
}

/** What a piece of work costs the server, and how long the client waited for it. */
export async function costOf(
  server: Server,
  work: () => Promise<void>,
  afterwardsMilliseconds = 0,
): Promise<Cost> {
  const cpuBefore = server.cpuSeconds()
  const began = performance.now()
  await work()
  const seconds = (performance.now() - began) / 1000
  await Bun.sleep(afterwardsMilliseconds)
  return { cpuSeconds: server.cpuSeconds() - cpuBefore, seconds }
}
