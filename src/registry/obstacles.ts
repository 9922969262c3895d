/**
 * What keeps everybody from storing anything: a disk or a quota that is full, a storage or a database that is read-only.
 * It is noticed where a request fails of it, and looked for now and then; told once when it begins and once when it has
 * ended; and while it lasts, it is tried every two seconds whether it has. Pulls go on meanwhile, so it makes no server
 * unready: it is told beside that. Deletions go on too where a disk is full, so whoever would fill what room is left for
 * them is refused before.
 */
import { Periodic } from '../lib/periodic.ts'
import { command } from '../metadata/database.ts'
import { forgetSetting, putSetting } from '../metadata/settings.ts'
import { DatabaseUnavailable } from '../metadata/unavailable.ts'
import { newUploadId, type UploadId } from '../oci/upload-id.ts'
import type { Registry } from './registry.ts'
import { findObstacle, type Obstacle } from './temporary.ts'

/** Where nothing fits, or nothing can be changed. */
export type ObstructedPlace = 'storage' | 'database'

export interface ObstacleWatch {
  /** `error` is for the operator: its message names what is full or read-only, and what to do. */
  began(place: ObstructedPlace, error: Error): void
  ended(place: ObstructedPlace): void
}

/** Tries whether a place takes this many bytes; none: only looks whether another process has found it full. Throws what it throws. */
export type TryPlace = (place: ObstructedPlace, bytes: number) => Promise<void>

export interface ObstaclesOptions {
  readonly attempt: TryPlace
  readonly watch: ObstacleWatch
  /** Between two looks while there is an obstacle; two seconds unless told. */
  readonly everyMilliseconds?: number
}

const EVERY = 2_000
/** Without an obstacle only every so many turns is looked for one. */
const SELDOM = 30
/** What shows that a disk is full to the last byte. */
const A_LITTLE = 4096
/** What must fit before a full disk counts as free again: less would be gone with the next push. */
const SOME_ROOM = 1024 * 1024
/** Between two looks, in milliseconds. */
const SOONEST = 200
const PLACES: readonly ObstructedPlace[] = ['storage', 'database']

export class Obstacles {
  readonly #options: ObstaclesOptions
  readonly #looking: Periodic
  readonly #found = new Map<ObstructedPlace, Obstacle>()
  #turns = 0
  #look: Promise<void> | null = null
  #looked = Number.NEGATIVE_INFINITY

  constructor(options: ObstaclesOptions) {
    this.#options = options
    this.#looking = new Periodic({
      everyMilliseconds: options.everyMilliseconds ?? EVERY,
      work: () => this.#lookOnce(() => this.#lookAround()),
      onError: () => undefined, // It never rejects.
    })
  }

  /** Takes note of an error that speaks of an obstacle. False where it does not. */
  notice(error: unknown): boolean {
    const obstacle = findObstacle(error)
    if (obstacle === null || !(error instanceof Error)) return false
    const place = error instanceof DatabaseUnavailable ? 'database' : 'storage'
    const isNews = this.#found.get(place) !== obstacle
    this.#found.set(place, obstacle)
    if (isNews) this.#options.watch.began(place, error)
    return true
  }

  /** What there is now. */
  get found(): ReadonlyMap<ObstructedPlace, Obstacle> {
    return this.#found
  }

  /** As sentences that anybody may read, by place. */
  get problems(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [...this.#found].map(([place, obstacle]) => [place, SENTENCES[place][obstacle]]),
    )
  }

  get isFull(): boolean {
    return [...this.#found.values()].includes('full')
  }

  /** Looks whether what there is has ended just now, for whoever would have to be refused: one look for all who ask at a time. */
  lookAgain(): Promise<void> {
    return this.#lookOnce(async () => {
      await Bun.sleep(Math.max(0, this.#looked + SOONEST - performance.now()))
      await this.#lookAtFound()
    })
  }

  stop(): Promise<void> {
    return this.#looking.stop()
  }

  /** One at a time, for everybody who wants to know. */
  #lookOnce(look: () => Promise<void>): Promise<void> {
    this.#look ??= look().finally(() => {
      this.#look = null
      this.#looked = performance.now()
    })
    return this.#look
  }

  async #lookAround(): Promise<void> {
    const isTime = this.#turns++ % SELDOM === 0
    for (const place of PLACES) {
      await this.#lookAt(place, this.#found.has(place) ? SOME_ROOM : isTime ? A_LITTLE : 0)
    }
  }

  async #lookAtFound(): Promise<void> {
    for (const place of [...this.#found.keys()]) await this.#lookAt(place, SOME_ROOM)
  }

  async #lookAt(place: ObstructedPlace, bytes: number): Promise<void> {
    const { attempt, watch } = this.#options
    try {
      await attempt(place, bytes)
      if (this.#found.delete(place)) watch.ended(place)
    } catch (error) {
      // What else may be wrong there is no obstacle, and told by whoever meets it.
      this.notice(error)
    }
  }
}

const SENTENCES: Readonly<Record<ObstructedPlace, Readonly<Record<Obstacle, string>>>> = {
  storage: {
    full: 'The disk of the images is full: pulls go on, and nothing can be pushed.',
    'read-only': 'The storage of the images is read-only: pulls go on, and nothing can be pushed or deleted.',
  },
  database: {
    full: 'The disk of the database is full: pulls go on, and nothing can be pushed.',
    'read-only': 'The database is read-only: pulls go on, and nothing can be pushed or deleted.',
  },
}

/** As a push would: a file in the folder of uploads, a row. Nothing is left of either. */
export function tryRegistry({ blobs, database }: Pick<Registry, 'blobs' | 'database'>): TryPlace {
  const file = newUploadId()
  return async (place, bytes) => {
    if (place === 'storage') {
      await tryUpload(blobs, file, bytes)
      return
    }
    await database.write(noteTrialCommand, { text: noise(bytes) })
    await database.write(forgetTrialCommand, null)
  }
}

async function tryUpload(blobs: Registry['blobs'], file: UploadId, bytes: number): Promise<void> {
  try {
    const writer = await blobs.append(file, 0)
    await writer.write(new Uint8Array(bytes)).finally(() => writer.close())
  } finally {
    await blobs.discard(file)
  }
}

const TRIAL_SETTING = 'obstacles.trial'

/** Stores as much as is to be tried. */
export const noteTrialCommand = command(
  'obstacles.note-trial',
  (tx, { text }: { readonly text: string }) => putSetting(tx, TRIAL_SETTING, text),
  { durable: false },
)

export const forgetTrialCommand = command(
  'obstacles.forget-trial',
  (tx, _: null) => forgetSetting(tx, TRIAL_SETTING),
  { durable: false },
)

/** What no database makes smaller. */
function noise(length: number): string {
  return crypto.getRandomValues(Buffer.alloc(Math.ceil(length / 2))).toString('hex')
}
