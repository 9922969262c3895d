/**
 * Parties in every order of their steps. Each asks for its turn before a step; whoever explores grants one turn
 * at a time, again and again from the beginning, until every order has been seen: depth first, with sleep sets
 * (Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems"), so that of orders which differ
 * only in steps that have nothing to do with each other one is run and checked.
 *
 * A step that waits for a lock of another party has begun, and ends some time after the step that lets go of it:
 * so what is seen is the order in which things really happen, not only that of the questions.
 */
import { type Party, type Step, Track } from './track.ts'

/** Everything anew for one order. */
export interface Trial {
  readonly parties: readonly Party[]
  /** Throws where the outcome is wrong. Called when every party has ended. */
  check(): Promise<void>
}

export interface Explored {
  /** Orders that were run to their end and checked. */
  readonly orders: number
  /** Orders that turned out half-way to be equivalent to another one. */
  readonly repeated: number
}

export interface ExploreOptions {
  /** Throws where there are more: the trial is too large. */
  readonly mostOrders?: number
  /** How often a party that could go on may be interrupted in one order: of long trials, those orders only. */
  readonly interruptions?: number
}

const MOST_ORDERS = 3_000

/** Runs every order, and checks each. Throws with the order that failed. */
export async function inEveryOrder(
  begin: () => Promise<Trial>,
  { mostOrders = MOST_ORDERS, interruptions = Number.POSITIVE_INFINITY }: ExploreOptions = {},
): Promise<Explored> {
  const course = { begin, mostOrders, crossing: new Crossing() }
  // One after the other first: then it is known where they meet, and nowhere else does it matter whose turn it is.
  await explore(course, 0)
  for (;;) {
    const known = course.crossing.size
    const explored = await explore(course, interruptions)
    if (course.crossing.size === known) return explored
  }
}

interface Course {
  begin(): Promise<Trial>
  readonly mostOrders: number
  readonly crossing: Crossing
}

async function explore({ begin, mostOrders, crossing }: Course, interruptions: number): Promise<Explored> {
  const decisions: Decision[] = []
  let [orders, repeated] = [0, 0]
  do {
    const trial = await begin()
    const run = new Run(trial.parties, interruptions, crossing)
    const isNew = await run.follow(decisions)
    if (isNew) await check(trial, run)
    if (isNew) orders++
    else repeated++
    if (orders + repeated > mostOrders) throw new Error(`there are more than ${mostOrders} orders`)
  } while (advance(decisions))
  return { orders, repeated }
}

async function check(trial: Trial, run: Run): Promise<void> {
  try {
    run.requireSuccess()
    await trial.check()
  } catch (error) {
    throw new Error(`in this order:\n${run.told()}`, { cause: error })
  }
}

/** A moment at which somebody's turn is chosen. Parties are their numbers. */
interface Decision {
  /** The next step of each who asks. */
  readonly asking: ReadonlyMap<number, Step>
  /** Whose turn it may be. */
  readonly choices: readonly number[]
  /** Whose step here would repeat an order that has been seen. */
  readonly asleep: ReadonlySet<number>
  readonly explored: Set<number>
  chosen: number
}

/** Turns to the next order: the last decision that can be another one becomes that. False: all orders have been seen. */
function advance(decisions: Decision[]): boolean {
  for (let last = decisions.at(-1); last !== undefined; last = decisions.at(-1)) {
    last.explored.add(last.chosen)
    const next = nextChoice(last)
    if (next !== undefined) {
      last.chosen = next
      return true
    }
    decisions.pop()
  }
  return false
}

function nextChoice({
  choices,
  explored,
  asleep,
}: Pick<Decision, 'choices' | 'explored' | 'asleep'>): number | undefined {
  return choices.find((party) => !explored.has(party) && !asleep.has(party))
}

/** Whose steps would repeat an order behind this decision: what was explored here, until somebody touches the same. */
function sleepersBehind({ asking, asleep, explored, chosen }: Decision): Set<number> {
  const done = asking.get(chosen)
  return new Set(
    [...asleep, ...explored].filter((party) => {
      const step = asking.get(party)
      return party !== chosen && step !== undefined && done !== undefined && areIndependent(step, done)
    }),
  )
}

/** Whether the two may be swapped, and nobody sees a difference. */
export function areIndependent(one: Step, other: Step): boolean {
  return !changesFor(one, other) && !changesFor(other, one)
}

/** Whether the one changes what the other touches. */
function changesFor(one: Step, { reads, adds, writes }: Step): boolean {
  return meet(one.writes, [...reads, ...adds, ...writes]) || meet(one.adds, reads)
}

function meet(some: readonly string[], others: readonly string[]): boolean {
  return some.some((one) => others.some((other) => covers(one, other) || covers(other, one)))
}

function covers(whole: string, part: string): boolean {
  return part === whole || part.startsWith(`${whole} `)
}

/** What the parties have touched in all orders so far, by the first words of the names: a trial has its own rows. */
class Crossing {
  readonly #touched = new Map<number, Map<string, Step>>()

  /** Grows with what is known. */
  get size(): number {
    return this.#touched.values().reduce((sum, { size }) => sum + size, 0)
  }

  note(party: number, step: Step): void {
    const kinds = kindsIn(step)
    const seen = this.#touched.get(party) ?? new Map<string, Step>()
    this.#touched.set(party, seen.set(JSON.stringify(kinds), kinds))
  }

  /** Whether somebody else has touched what the step changes, or changed what it touches. */
  isMet(party: number, step: Step): boolean {
    const kinds = kindsIn(step)
    const others = [...this.#touched].filter(([other]) => other !== party)
    return others.some(([, seen]) => [...seen.values()].some((each) => !areIndependent(each, kinds)))
  }
}

function kindsIn({ reads, adds, writes }: Step): Step {
  const kinds = (names: readonly string[]) =>
    [...new Set(names.map((name) => name.split(' ')[0] ?? name))].toSorted()
  return { what: '', reads: kinds(reads), adds: kinds(adds), writes: kinds(writes) }
}

/** One order, as it unfolds. */
class Run {
  readonly #tracks: readonly Track[]
  readonly #interruptions: number
  readonly #crossing: Crossing
  readonly #history: string[] = []
  #interrupted = 0
  #last: number | null = null

  constructor(parties: readonly Party[], interruptions: number, crossing: Crossing) {
    this.#tracks = parties.map((party) => new Track(party))
    this.#interruptions = interruptions
    this.#crossing = crossing
  }

  /** Follows the decisions, and adds those that come behind them. False where the order turned out to be a known one. */
  async follow(decisions: Decision[]): Promise<boolean> {
    for (const track of this.#tracks) track.begin()
    for (let number = 0; ; number++) {
      const asking = await this.#untilStill()
      if (asking.size === 0) return true
      const decision = decisions[number] ?? this.#decide(asking, decisions.at(-1))
      if (decision === null) {
        await this.#toTheEnd(asking)
        return false
      }
      requireSame(decision.asking, asking)
      decisions[number] = decision
      this.#grant(decision.chosen)
    }
  }

  requireSuccess(): void {
    for (const track of this.#tracks) track.requireSuccess()
  }

  told(): string {
    return this.#history.join('\n')
  }

  #decide(asking: ReadonlyMap<number, Step>, before: Decision | undefined): Decision | null {
    const choices = this.#choices(asking)
    // An order that is equivalent to a known one may be the only one of both with few interruptions.
    const sleeps = before !== undefined && this.#interruptions === Number.POSITIVE_INFINITY
    const asleep = sleeps ? sleepersBehind(before) : new Set<number>()
    const chosen = nextChoice({ choices, explored: new Set(), asleep })
    return chosen === undefined ? null : { asking, choices, asleep, explored: new Set(), chosen }
  }

  /** Whoever does what nobody else ever meets may as well do it now. Who has been interrupted often enough goes on. */
  #choices(asking: ReadonlyMap<number, Step>): readonly number[] {
    const last = this.#last !== null && asking.has(this.#last) ? this.#last : null
    if (last !== null && this.#interrupted >= this.#interruptions) return [last]
    const others = [...asking.keys()].filter((party) => party !== last)
    const all = last === null ? others : [last, ...others]
    const free =
      this.#interruptions === Number.POSITIVE_INFINITY ? all : all.filter((party) => party === last)
    const unmet = free.find((party) => !this.#isMet(party, asking))
    return unmet === undefined ? all : [unmet]
  }

  #isMet(party: number, asking: ReadonlyMap<number, Step>): boolean {
    const step = asking.get(party)
    return step !== undefined && this.#crossing.isMet(party, step)
  }

  #grant(party: number): void {
    const track = this.#tracks[party]
    if (track === undefined) throw new Error(`there is no party ${party}`)
    const isInterrupted = this.#last !== null && this.#last !== party && this.#tracks[this.#last]?.isAsking
    if (isInterrupted) this.#interrupted++
    this.#last = party
    if (track.asked !== null) this.#crossing.note(party, track.asked)
    this.#history.push(track.grant())
  }

  async #toTheEnd(asking: ReadonlyMap<number, Step>): Promise<void> {
    for (let left = asking; left.size > 0; left = await this.#untilStill()) {
      for (const party of left.keys()) this.#grant(party)
    }
  }

  /** Waits until nothing moves any more; gives who asks, and for what. */
  async #untilStill(): Promise<ReadonlyMap<number, Step>> {
    for (const track of this.#tracks) await track.untilStill({ orBlocked: true })
    if (this.#tracks.every(({ isAsking }) => !isAsking)) {
      // All that have not ended wait for each other: the database ends one of them.
      for (const track of this.#tracks) await track.untilStill({ orBlocked: false })
    }
    return new Map(
      this.#tracks.flatMap(({ asked }, party) => (asked === null ? [] : [[party, asked] as const])),
    )
  }
}

/** What a party does may depend on what the others did before, and on nothing else. */
function requireSame(expected: ReadonlyMap<number, Step>, found: ReadonlyMap<number, Step>): void {
  const tell = (asking: ReadonlyMap<number, Step>) =>
    [...asking].map(([party, { what }]) => `${party}: ${what}`).join('\n')
  if (tell(expected) !== tell(found)) {
    throw new Error(`the same order led elsewhere: to\n${tell(found)}\ninstead of\n${tell(expected)}`)
  }
}
