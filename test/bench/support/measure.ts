/**
 * Measures the sides of one case in pairs. Within a round the two sides of a pair run in short batches, one right after
 * the other, so that whatever else the machine does hits both. Each round gives one ratio; the figure is the median of
 * these ratios, with the quartiles as its spread.
 */

/** Does the work this number of times, one after the other. */
export type Side = (times: number) => void | Promise<unknown>

export interface Sides<S> {
  readonly ours: S
  readonly floor?: S | undefined
  readonly peer?: S | undefined
}

/**
 * Values of one case, one of each side for each round: nanoseconds for the work done once, or bytes. Ours stands beside the
 * floor, beside the peer, or alone where there is neither.
 */
export interface Rounds {
  readonly alone: ReadonlyArray<readonly [ours: number]>
  readonly besideFloor: ReadonlyArray<readonly [ours: number, floor: number]>
  readonly besidePeer: ReadonlyArray<readonly [ours: number, peer: number]>
}

export interface Mode {
  /** As much as is needed to see that everything works, for the tests. */
  readonly smoke: boolean
  readonly quick: boolean
  /** Processor time is measured, of all threads, instead of time. */
  readonly cpu: boolean
  /** The peer is left out. */
  readonly withoutPeer?: boolean
  /** Only the cases of these names. Default: all. */
  readonly cases?: ReadonlyArray<string>
}

/**
 * Sizes of the rounds of one pair. Times are in milliseconds of a processor: on a machine that is busy with other things
 * it takes longer until code is compiled, and until there are as many rounds.
 */
export interface Plan {
  /** Each side runs twice in a round, ABBA, so that a drift within the round cancels out. */
  readonly isMirrored: boolean
  /** Time of the first rounds, which do not count. There is at least one, but for smoke. */
  readonly dropped: number
  /** Time of the rounds that count. Short work has more of them, so that the median settles. */
  readonly time: number
  /** Rounds that count at least and at most, whatever time they take. */
  readonly rounds: readonly [least: number, most: number]
}

interface BatchPlan extends Plan {
  /** Time of each side alone before the first round, for the number of calls in its batch. */
  readonly warmUp: number
  /** Time of a batch, where more than one call fits. */
  readonly batch: number
}

const smokePlan: Plan = { isMirrored: false, dropped: 0, time: 0, rounds: [1, 1] }

/**
 * A call that leaves little garbage is one of a thousand between two collections, and most rounds have none. A call that
 * leaves much is one of few: its batches are so long that each side pays for several collections of its own garbage, and
 * seldom for the other's.
 */
export type Leaving = "little garbage" | "much garbage"

const batchPlanOf = (leaving: Leaving, { quick, smoke }: Mode): BatchPlan => {
  if (smoke) return { ...smokePlan, warmUp: 0, batch: 0 }
  const batch = leaving === "little garbage" ? 2 : quick ? 25 : 100
  return quick
    ? { isMirrored: true, dropped: 100, time: 250, rounds: [3, 1000], warmUp: 50, batch }
    : { isMirrored: true, dropped: 1000, time: 2000, rounds: [8, 1000], warmUp: 200, batch }
}

const wholePlanOf = ({ quick, smoke }: Mode): Plan =>
  smoke
    ? smokePlan
    : quick
    ? { isMirrored: false, dropped: 150, time: 400, rounds: [2, 10] }
    : { isMirrored: false, dropped: 1500, time: 4000, rounds: [6, 100] }

/** Measures work that is short: as many calls as a batch takes are timed together. */
export const measure = (
  sides: Sides<Side>,
  mode: Mode,
  leaving: Leaving = "little garbage"
): Promise<Rounds> => {
  const plan = batchPlanOf(leaving, mode)
  return inPairs(sides, async (side) => inBatches(side, await warmUp(side, plan), mode), plan, mode)
}

/** Work that is done once in a round, such as what needs an empty cache. */
export interface Whole {
  /** Is not measured. */
  readonly prepare?: () => Promise<void>
  readonly run: () => void | Promise<unknown>
  /** Milliseconds of waiting within the work that do not count. */
  readonly waiting?: number
}

/** Measures work that is done once in a round. */
export const measureWhole = (sides: Sides<Whole>, mode: Mode): Promise<Rounds> =>
  inPairs(sides, (whole) => once(whole, mode), wholePlanOf(mode), mode)

/** Does the work of one side in its turn, and gives nanoseconds, or bytes, for the work done once. */
export type Sampler = () => Promise<number>

/**
 * Measures ours beside the floor, and then beside the peer, in rounds of their own: the peer leaves a lot of garbage, which
 * must not be collected in the time of the floor or of ours beside it.
 */
export const inPairs = async <S>(
  sides: Sides<S>,
  samplerOf: (side: S) => Sampler | Promise<Sampler>,
  plan: Plan,
  mode: Mode
): Promise<Rounds> => {
  const ours = await samplerOf(sides.ours)
  const beside = async (side: S | undefined): Promise<ReadonlyArray<readonly [number, number]>> =>
    side === undefined ? [] : await inRounds([ours, await samplerOf(side)], plan)
  const besideFloor = await beside(sides.floor)
  const besidePeer = await beside(mode.withoutPeer ? undefined : sides.peer)
  const isAlone = besideFloor.length + besidePeer.length === 0
  return { alone: isAlone ? await inRounds([ours], plan) : [], besideFloor, besidePeer }
}

/** A value of each side in turn. */
type Round<S extends ReadonlyArray<Sampler>> = { readonly [Index in keyof S]: number }

const inRounds = async <const S extends ReadonlyArray<Sampler>>(
  samplers: S,
  { dropped, isMirrored, rounds: [least, most], time }: Plan
): Promise<ReadonlyArray<Round<S>>> => {
  const run = async (time: number, least: number, most: number) => {
    const rounds: Array<Round<S>> = []
    const end = processorTime() + time
    while (rounds.length < least || (rounds.length < most && processorTime() < end)) {
      rounds.push(await round(samplers, rounds.length, isMirrored))
    }
    return rounds
  }
  await run(dropped, 0, Infinity)
  return await run(time, least, most)
}

/** Each second round begins with the other side. */
const round = async <S extends ReadonlyArray<Sampler>>(
  samplers: S,
  number: number,
  isMirrored: boolean
): Promise<Round<S>> => {
  const there = number % 2 === 0 ? [...samplers.keys()] : [...samplers.keys()].toReversed()
  const order = isMirrored ? [...there, ...there.toReversed()] : there
  const sums = samplers.map(() => 0)
  for (const index of order) sums[index]! += await samplers[index]!()
  return sums.map((sum) => sum * samplers.length / order.length) as Round<S>
}

const inBatches = (side: Side, times: number, { cpu }: Mode): Sampler => {
  const now = cpu ? processorTime : wallTime
  return async () => {
    const started = now()
    await side(times)
    return 1e6 * (now() - started) / times
  }
}

const once = ({ prepare, run, waiting = 0 }: Whole, { cpu }: Mode): Sampler => {
  const now = cpu ? processorTime : wallTime
  return async () => {
    await prepare?.()
    const started = now()
    await run()
    // Waiting takes no time of a processor.
    return 1e6 * (now() - started - (cpu ? 0 : waiting))
  }
}

const wallTime = (): number => performance.now()

/** In milliseconds; of a browser, where it cannot be known, the time. */
export const processorTime = (): number => {
  if (typeof process === "undefined") return performance.now()
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

/**
 * Runs sides in turns, a number of calls each time, for as many milliseconds of a processor, before they are measured in one
 * process: V8 would compile what they share for the first of them alone, and not always make up for it later.
 */
export const inTurns = async (sides: ReadonlyArray<Side>, times: number, milliseconds: number): Promise<void> => {
  const end = processorTime() + milliseconds
  while (processorTime() < end) {
    for (const side of sides) await side(times)
  }
}

/** Runs a side alone for a while. Gives the number of calls that make a batch. */
const warmUp = async (side: Side, { batch, warmUp }: BatchPlan): Promise<number> => {
  if (batch === 0) return 1
  const timed = async (times: number) => {
    const started = performance.now()
    await side(times)
    return performance.now() - started
  }
  let times = 1
  const end = processorTime() + warmUp
  for (;;) {
    if (await timed(times) < batch) times *= 2
    else if (processorTime() >= end) break
  }
  // The fastest of some batches: whatever disturbs one of them must not make all others small.
  let fastest = Infinity
  for (let tries = 0; tries < 7; tries++) fastest = Math.min(fastest, await timed(times))
  return Math.max(1, Math.round(times * batch / fastest))
}
