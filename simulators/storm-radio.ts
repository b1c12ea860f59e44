import type { Observation, SwitchObservation } from '../src/ledger/observation.ts'
import { MS_PER_H, MS_PER_MIN, MS_PER_S, type EpochMs } from '../src/time.ts'
import type { PlainGrid, Positions } from './plain-grid.ts'
import { normalPositions } from './plain-grid.ts'
import type { Random } from './random.ts'
import type { Move } from './storm-world.ts'

export type RadioOptions = {
  readonly grid: PlainGrid
  readonly random: Random
  /** By row of the switches. */
  readonly gatewayOf: readonly string[]
  readonly moves: readonly Move[]
  readonly from: EpochMs
  readonly until: EpochMs
  /** How many positions are repeated at a time, on average a few times this. */
  readonly chatter: number
}

export type Weather = {
  /** As they arrive, in the order of `receivedAt`. */
  readonly deliveries: readonly Observation[]
  /** The moves by the clocks that stamped them. */
  readonly stamped: readonly Move[]
}

/**
 * Below the tolerance for clocks ahead (design.md, `FUTURE_TOLERANCE_S` = 60), so that no stamp is clamped.
 */
const CLOCK_OFF_MAX_MS = 20 * MS_PER_S

/**
 * What of all that arrives, and when. Every true move arrives at least once; the rest is what radio makes of it: delays up to hours,
 * overtaking, repetition, gateways that die with full buffers and come back with new numbers, heartbeats, retained repeats, bad-quality
 * words and meters that may be wrong.
 *
 * A gateway's clock is off by a constant of its own. Every switch is told of by one gateway only, so the order of its own moves stands,
 * and the truth stays decidable: it is what the stamps say, between gateways too. The ledger knows no other time.
 */
export function broadcast(options: RadioOptions): Weather {
  const { grid, random, gatewayOf, moves, from, until, chatter } = options
  const gateways = [...new Set(gatewayOf)].map((name) => makeGateway(name, random, from, until))
  const byName = new Map(gateways.map((gateway) => [gateway.name, gateway]))
  const sent: Sent[] = []
  const stamped: Move[] = []
  const positions = normalPositions(grid)
  const movedAt = new Map<number, EpochMs>()
  const words = [...moves.map((move) => ({ at: move.at, move })), ...beats(random, from, until)]
  words.sort((a, b) => a.at - b.at)

  for (const { at, move } of words) {
    if (move === null) {
      for (const row of somePositions(random, positions, chatter)) {
        // Two words about one switch in one instant would have no order.
        if (movedAt.get(row) === at) continue
        const gateway = byName.get(gatewayOf[row]!)!
        for (const word of standing(grid, positions, row)) {
          sent.push(say(gateway, random, at, { ...word, reason: null }))
        }
      }
      if (random.chance(0.3)) sent.push(meterNoise(grid, gateways, random, at))
      continue
    }
    const { row, position, phases, reason } = move
    const { id, phases: all } = grid.tables.switches[row]!
    positions[row] = position === 'closed' ? positions[row]! | phases : positions[row]! & ~phases
    movedAt.set(row, at)
    const gateway = byName.get(gatewayOf[row]!)!
    // Having moved, the device stands so on every phase that it names; it may name those that stood so before.
    const standsAlike = position === 'closed' ? positions[row] : all & ~positions[row]
    const named = standsAlike === all && random.chance(0.8) ? null : phases
    sent.push(say(gateway, random, at, { point: id, position, phases: named, reason }))
    stamped.push({ ...move, at: at + gateway.clockOffMs })
  }

  const deliveries = sent.flatMap((one) => repeats(random, one))
  deliveries.sort((a, b) => a.receivedAt - b.receivedAt)
  return { deliveries, stamped }
}

type Gateway = {
  readonly name: string
  readonly clockOffMs: number
  readonly deaths: readonly { readonly from: EpochMs; readonly until: EpochMs }[]
  seq: number
  lastAt: EpochMs
}
type Sent = { readonly gateway: Gateway; readonly saidAt: EpochMs; readonly words: Observation[] }

function makeGateway(name: string, random: Random, from: EpochMs, until: EpochMs): Gateway {
  const deaths = Array.from({ length: random.int(0, 2) }, () => {
    const start = random.between(from, until)
    return { from: start, until: start + random.exponential(1.5 * MS_PER_H) }
  })
  return {
    name,
    clockOffMs: random.chance(0.3) ? 0 : random.int(-CLOCK_OFF_MAX_MS, CLOCK_OFF_MAX_MS),
    deaths,
    seq: random.int(0, 60_000),
    lastAt: from,
  }
}

/** Instants at which some positions are repeated. */
function beats(random: Random, from: EpochMs, until: EpochMs) {
  const list: { at: EpochMs; move: null }[] = []
  for (let at = from; at < until; at += random.int(1, 40) * MS_PER_MIN) {
    list.push({ at: at + random.int(0, MS_PER_MIN), move: null })
  }
  return list
}

function somePositions(random: Random, positions: Positions, chatter: number): number[] {
  return Array.from({ length: random.int(1, 4) * chatter }, () =>
    random.int(0, positions.length - 1),
  )
}

type Stands = Pick<SwitchObservation, 'point' | 'position' | 'phases'>

function standing(grid: PlainGrid, positions: Positions, row: number): Stands[] {
  const { id, phases } = grid.tables.switches[row]!
  const closed = positions[row]!
  if (closed === phases) return [{ point: id, position: 'closed', phases: null }]
  if (closed === 0) return [{ point: id, position: 'open', phases: null }]
  return [
    { point: id, position: 'closed', phases: closed },
    { point: id, position: 'open', phases: phases & ~closed },
  ]
}

function say(
  gateway: Gateway,
  random: Random,
  at: EpochMs,
  word: Stands & Pick<SwitchObservation, 'reason'>,
): Sent {
  const good: SwitchObservation = {
    kind: 'switch',
    gateway: gateway.name,
    seq: nextSeq(gateway, at),
    at: at + gateway.clockOffMs,
    receivedAt: at,
    quality: random.chance(0.05) ? 'uncertain' : 'good',
    bySubject: null,
    ...word,
  }
  const words: Observation[] = [good]
  if (random.chance(0.02)) {
    // A contact that bounces: said to be of bad quality, and worth nothing.
    const position = word.position === 'open' ? 'closed' : 'open'
    words.push({ ...good, seq: nextSeq(gateway, at), position, quality: 'bad', reason: null })
  }
  return { gateway, saidAt: at, words }
}

/** A gateway that has died begins again with its numbers. */
function nextSeq(gateway: Gateway, at: EpochMs): number {
  const reborn = gateway.deaths.some((death) => gateway.lastAt < death.until && death.until <= at)
  gateway.lastAt = at
  gateway.seq = reborn ? 0 : (gateway.seq + 1) % 65_536
  return gateway.seq
}

function meterNoise(
  grid: PlainGrid,
  gateways: readonly Gateway[],
  random: Random,
  at: EpochMs,
): Sent {
  const gateway = random.pick(gateways)
  const word: Observation = {
    kind: 'meter',
    gateway: gateway.name,
    point: random.pick(grid.tables.servicePoints).id,
    seq: nextSeq(gateway, at),
    at: at + gateway.clockOffMs,
    receivedAt: at,
    event: random.pick(['lastGasp', 'restored', 'alive']),
  }
  return { gateway, saidAt: at, words: [word] }
}

/** When it arrives, and how often. */
function repeats(random: Random, { gateway, saidAt, words }: Sent): Observation[] {
  const death = gateway.deaths.find((one) => one.from <= saidAt && saidAt < one.until)
  const sentAt = death?.until ?? saidAt
  return words.flatMap((word) => {
    const arrivals = [sentAt + delayMs(random)]
    while (random.chance(0.08)) arrivals.push(sentAt + delayMs(random))
    // The broker hands out what it kept when somebody subscribes anew.
    if (random.chance(0.03)) arrivals.push(sentAt + random.exponential(6 * MS_PER_H))
    return arrivals.map((arrival) => ({ ...word, receivedAt: Math.round(arrival) }))
  })
}

/** Mostly at once, sometimes minutes, now and then hours. */
function delayMs(random: Random): number {
  const roll = random.next()
  if (roll < 0.8) return random.exponential(800)
  if (roll < 0.95) return random.exponential(2 * MS_PER_MIN)
  return random.exponential(1.5 * MS_PER_H)
}
