import type { NetworkTables } from '../src/grid/tables.ts'
import type { SwitchReason } from '../src/ledger/observation.ts'
import type { EpochMs } from '../src/time.ts'
import type { Gateway, Item, Kind, Radio } from './field-gateway.ts'
import { CLEAR_RADIO, openGateway } from './field-gateway.ts'
import type { LoadOf } from './field-loads.ts'
import { makeLoads } from './field-loads.ts'
import type { PlainGrid, Positions } from './plain-grid.ts'
import { livePhases, normalPositions, plainGrid, gatewayOfNodes } from './plain-grid.ts'
import type { Random } from './random.ts'
import { randomFrom } from './random.ts'

export type FieldOptions = {
  readonly tables: NetworkTables
  readonly url: string
  readonly seed: number | string
  readonly now: () => EpochMs
  /** Feeder heads report this often; 0: never. */
  readonly loadEveryS?: number
  /** Transformers and other load points report this often; 0: never. */
  readonly loadPointEveryS?: number
  /** Telemetered switches repeat their position this often; 0: never. */
  readonly heartbeatEveryS?: number
  /** A meter says its last gasp after so long without supply; 0: the meters are silent. */
  readonly gaspAfterS?: number
  /** The part of the meters whose word arrives. */
  readonly meterShare?: number
  readonly radio?: Partial<Radio>
  /** How a gateway signs in, where the broker asks. */
  readonly credentials?: (gateway: string) => { username: string; password: string }
}

export type Operation = {
  /** Customers that this very operation left in the dark, gave supply back, and that are dark after it. */
  readonly customersLost: number
  readonly customersRestored: number
  readonly customersOut: number
  /** The broker has taken the word of it. */
  readonly told: Promise<void>
}

export type OperateOptions = {
  readonly reason?: SwitchReason
  /** Bits of phases.ts; all that the device has when left out. */
  readonly phases?: number
  readonly at?: EpochMs
}

/** The world outside: switches that stand somewhere, customers that have supply or not, and gateways that tell of it. */
export type Field = {
  readonly grid: PlainGrid
  /** By row of the switch table: the phases on which it is closed. The field changes it; look only. */
  readonly positions: Positions
  readonly gateways: readonly string[]
  /** Moves a switch and tells of it. Throws where there is no such switch. */
  operate(id: string, position: 'open' | 'closed', options?: OperateOptions): Operation
  close(): Promise<void>
}

const LOAD_EVERY_S = 10
const LOAD_POINT_EVERY_S = 300
const HEARTBEAT_EVERY_S = 120
const GASP_AFTER_S = 5
const METER_SHARE = 0.6

/** Connects a gateway for each substation and starts to report. Rejects when the broker does not let one in. */
export async function createField(options: FieldOptions): Promise<Field> {
  const random = randomFrom(options.seed)
  const grid = plainGrid(options.tables)
  const gatewayOfNode = gatewayOfNodes(grid)
  const gateways = await openGateways(options, random, [...new Set(gatewayOfNode)])
  const positions = normalPositions(grid)
  const timers = new Set<NodeJS.Timeout>()

  const say = async (kind: Kind, words: readonly { node: number; item: Item }[]) => {
    const byGateway = new Map<string, Item[]>()
    for (const { node, item } of words) {
      const name = gatewayOfNode[node]!
      const items = byGateway.get(name)
      if (items === undefined) byGateway.set(name, [item])
      else items.push(item)
    }
    await Promise.all([...byGateway].map(([name, items]) => gateways.get(name)!.say(kind, items)))
  }
  // A word that the broker refuses is a word lost; the client itself reconnects.
  const sayAside = (kind: Kind, words: readonly { node: number; item: Item }[]) => {
    say(kind, words).catch(() => undefined)
  }
  const every = (seconds: number, run: () => void) => {
    if (seconds > 0) timers.add(setInterval(run, seconds * 1000))
  }

  const loads = makeLoads(grid, random.fork('loads'))
  const sayLoads = (readings: (at: EpochMs) => LoadOf[]) => () => {
    const at = options.now()
    const words = readings(at).map((load) => ({
      node: load.node,
      item: { id: load.id, at, body: load.readings },
    }))
    sayAside('load', words)
  }
  every(
    options.loadEveryS ?? LOAD_EVERY_S,
    sayLoads((at) => loads.ofHeads(positions, at)),
  )
  every(
    options.loadPointEveryS ?? LOAD_POINT_EVERY_S,
    sayLoads((at) => loads.ofLoadPoints(positions, at)),
  )
  const heartbeatEveryS = options.heartbeatEveryS ?? HEARTBEAT_EVERY_S
  const beat = () => sayAside('switch', heartbeats(grid, positions, options.now()))
  every(heartbeatEveryS, beat)
  // A gateway that connects says where everything stands: what opens later has opened for certain then.
  if (heartbeatEveryS > 0) beat()

  const meters = makeMeters(grid, random.fork('meters'), options, (words) => {
    sayAside('meter', words)
  })
  let live = livePhases(grid, positions)
  let out = 0

  return {
    grid,
    positions,
    gateways: [...gateways.keys()],
    operate(id, position, given = {}) {
      const row = grid.switchOf.get(id)
      if (row === undefined) throw new Error(`the field has no switch ${id}`)
      const device = options.tables.switches[row]!
      const at = given.at ?? options.now()
      const phases = (given.phases ?? device.phases) & device.phases
      positions[row] =
        position === 'closed' ? positions[row]! | phases : positions[row]! & ~phases & 7

      const before = live
      live = livePhases(grid, positions)
      const change = compare(grid, before, live)
      out += change.lost - change.restored
      meters.see(change, at)
      const body = {
        position,
        ...(given.phases === undefined ? {} : { phases: letters(phases) }),
        ...(given.reason === undefined ? {} : { reason: given.reason }),
      }
      const told = say('switch', [{ node: grid.nodeOf.get(device.from)!, item: { id, at, body } }])
      return {
        customersLost: change.lost,
        customersRestored: change.restored,
        customersOut: out,
        told,
      }
    },
    async close() {
      for (const timer of timers) clearInterval(timer)
      meters.close()
      await Promise.all([...gateways.values()].map((gateway) => gateway.close()))
    },
  }
}

async function openGateways(
  options: FieldOptions,
  random: Random,
  names: readonly string[],
): Promise<Map<string, Gateway>> {
  const radio = { ...CLEAR_RADIO, ...options.radio }
  const open = new Map<string, Gateway>()
  try {
    for (const name of names) {
      const gateway = await openGateway({
        name,
        url: options.url,
        radio,
        random: random.fork(name),
        now: options.now,
        credentials: options.credentials?.(name) ?? null,
      })
      open.set(name, gateway)
    }
  } catch (error) {
    await Promise.all([...open.values()].map((gateway) => gateway.close()))
    throw error
  }
  return open
}

type Change = {
  /** Rows of service points. */
  readonly darkened: readonly number[]
  readonly lit: readonly number[]
  /** In customers. */
  readonly lost: number
  readonly restored: number
}

function compare(grid: PlainGrid, before: Uint8Array, after: Uint8Array): Change {
  const darkened: number[] = []
  const lit: number[] = []
  let lost = 0
  let restored = 0
  grid.tables.servicePoints.forEach((point, row) => {
    const node = grid.pointNode[row]!
    const had = (before[node]! & point.phases) === point.phases
    const has = (after[node]! & point.phases) === point.phases
    if (had && !has) {
      darkened.push(row)
      lost += point.customers
    } else if (!had && has) {
      lit.push(row)
      restored += point.customers
    }
  })
  return { darkened, lit, lost, restored }
}

function heartbeats(grid: PlainGrid, positions: Positions, at: EpochMs) {
  return grid.tables.switches.flatMap((device, row) => {
    const closed = positions[row]!
    const node = grid.nodeOf.get(device.from)!
    if (!device.telemetered) return []
    const word = (position: 'open' | 'closed', phases: number | null) => ({
      node,
      item: {
        id: device.id,
        at,
        body: { position, ...(phases === null ? {} : { phases: letters(phases) }) },
      },
    })
    if (closed === device.phases) return [word('closed', null)]
    if (closed === 0) return [word('open', null)]
    return [word('closed', closed), word('open', device.phases & ~closed)]
  })
}

type Word = { readonly node: number; readonly item: Item }

/** Meters that notice the dark, wait, and gasp; and that say so when it is light again. Only part of them is heard. */
function makeMeters(
  grid: PlainGrid,
  random: Random,
  options: FieldOptions,
  say: (words: Word[]) => void,
) {
  const gaspAfterMs = (options.gaspAfterS ?? GASP_AFTER_S) * 1000
  const share = options.meterShare ?? METER_SHARE
  const darkSince = new Map<number, EpochMs>()
  const gasped = new Set<number>()
  const waiting = new Set<NodeJS.Timeout>()

  const wordOf = (row: number, at: EpochMs, event: 'lastGasp' | 'restored'): Word => ({
    node: grid.pointNode[row]!,
    item: { id: grid.tables.servicePoints[row]!.id, at, body: { event } },
  })
  return {
    see(change: Change, at: EpochMs) {
      if (gaspAfterMs <= 0) return
      for (const row of change.darkened) darkSince.set(row, at)
      for (const row of change.lit) darkSince.delete(row)
      const back = change.lit.filter((row) => gasped.delete(row))
      if (back.length > 0) say(back.map((row) => wordOf(row, at, 'restored')))
      if (change.darkened.length === 0) return
      const timer = setTimeout(() => {
        waiting.delete(timer)
        const still = change.darkened.filter(
          (row) => darkSince.get(row) === at && random.chance(share),
        )
        for (const row of still) gasped.add(row)
        if (still.length > 0) say(still.map((row) => wordOf(row, at, 'lastGasp')))
      }, gaspAfterMs)
      waiting.add(timer)
    },
    close() {
      for (const timer of waiting) clearTimeout(timer)
    },
  }
}

const letters = (phases: number) =>
  (phases & 1 ? 'A' : '') + (phases & 2 ? 'B' : '') + (phases & 4 ? 'C' : '')
