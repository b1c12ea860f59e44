import type { PlainGrid, Positions } from './plain-grid.ts'
import { darkPoints, livePhases, normalPositions } from './plain-grid.ts'
import type { Random } from './random.ts'

/** A fault that can be switched around: `device` clears it, `isolator` cuts it off, `tie` feeds what lies behind. */
export type SectionFault = {
  readonly device: string
  readonly isolator: string
  readonly tie: string
}

export type FuseFault = {
  readonly fuse: string
  /** The one phase that blew; undefined: all that the fuse has. */
  readonly phases: number | undefined
}

const CUSTOMERS_WORTH_TELLING = 5
const FUSES_TRIED_MAX = 200

/** Undefined where no fault of the network leaves anyone to be fed from elsewhere. */
export function planSectionFault(grid: PlainGrid, random: Random): SectionFault | undefined {
  const devices = rowsOf(grid, (one) => one.normallyClosed && one.kind === 'recloser')
  const heads = grid.tables.feeders.flatMap((feeder) => grid.switchOf.get(feeder.head) ?? [])
  const normal = normalPositions(grid)
  for (const device of [...random.shuffle(devices), ...random.shuffle(heads)]) {
    const tripped = withOpen(normal, device)
    const live = livePhases(grid, tripped)
    const inDark = (row: number) => {
      const one = grid.tables.switches[row]!
      return [one.from, one.to].filter((id) => live[grid.nodeOf.get(id)!] === 0).length
    }
    const isolators = rowsOf(grid, (one) => one.normallyClosed && one.kind === 'load_break')
      .concat(devices)
      .filter((row) => row !== device && inDark(row) === 2)
    const ties = rowsOf(grid, (one) => !one.normallyClosed).filter((row) => inDark(row) === 1)
    const out = customersDark(grid, tripped)
    for (const isolator of random.shuffle(isolators)) {
      for (const tie of ties) {
        const around = withOpen(tripped, isolator)
        around[tie] = grid.tables.switches[tie]!.phases
        const still = customersDark(grid, around)
        if (still >= CUSTOMERS_WORTH_TELLING && out - still >= CUSTOMERS_WORTH_TELLING) {
          const id = (row: number) => grid.tables.switches[row]!.id
          return { device: id(device), isolator: id(isolator), tie: id(tie) }
        }
      }
    }
  }
  return undefined
}

export function planFuseFault(grid: PlainGrid, random: Random): FuseFault | undefined {
  const normal = normalPositions(grid)
  const fuses = random.shuffle(
    rowsOf(grid, (one) => one.normallyClosed && one.kind === 'fuse' && one.phases !== 0),
  )
  for (const row of fuses.slice(0, FUSES_TRIED_MAX)) {
    const { id, phases } = grid.tables.switches[row]!
    const letters = [1, 2, 4].filter((phase) => (phase & phases) !== 0)
    const blown = letters.length > 1 && random.chance(0.5) ? random.pick(letters) : undefined
    if (customersDark(grid, withOpen(normal, row, blown)) >= CUSTOMERS_WORTH_TELLING) {
      return { fuse: id, phases: blown }
    }
  }
  return undefined
}

function rowsOf(
  grid: PlainGrid,
  wanted: (one: PlainGrid['tables']['switches'][number]) => boolean,
): number[] {
  return grid.tables.switches.flatMap((one, row) => (wanted(one) ? [row] : []))
}

function withOpen(positions: Positions, row: number, phases = 7): Positions {
  const changed = positions.slice()
  changed[row]! &= ~phases
  return changed
}

function customersDark(grid: PlainGrid, positions: Positions): number {
  let sum = 0
  for (const row of darkPoints(grid, livePhases(grid, positions))) {
    sum += grid.tables.servicePoints[row]!.customers
  }
  return sum
}
