import type { ServicePointRow } from '../src/grid/tables.ts'
import type { Random } from './random.ts'
import type { FeederPlan, Spot, Town } from './town-drawing.ts'

/** What one transformer is to serve. */
export type Site = {
  readonly kind: 'homes' | 'block' | 'shops' | 'works'
  readonly threePhase: boolean
  readonly customers: number
}

const LOW_KV = 0.24
const ABC = 7

/** Sites for exactly so many customers: mostly homes, some blocks of flats, shops and works. */
export function planSites(random: Random, customers: number): Site[] {
  const sites: Site[] = []
  for (let left = customers; left > 0;) {
    const site = planSite(random, left)
    sites.push(site)
    left -= site.customers
  }
  return sites
}

function planSite(random: Random, left: number): Site {
  const roll = random.next()
  const upTo = (customers: number) => Math.min(left, customers)
  if (roll < 0.03) return { kind: 'works', threePhase: true, customers: 1 }
  if (roll < 0.13) return { kind: 'shops', threePhase: true, customers: upTo(random.int(1, 5)) }
  if (roll < 0.18) return { kind: 'block', threePhase: true, customers: upTo(random.int(12, 40)) }
  return { kind: 'homes', threePhase: random.chance(0.15), customers: upTo(random.int(2, 12)) }
}

/** The transformer of the site on the pole `at`, and who it serves. Some works take medium voltage, without one. */
export function buildSite(
  town: Town,
  random: Random,
  plan: FeederPlan,
  at: Spot,
  linePhases: number,
  site: Site,
): void {
  const { drawing } = town
  if (site.kind === 'works' && random.chance(0.4)) {
    addPoint(town, random, plan, at, at.node, ABC, 1, 'industrial')
    return
  }
  const phases = sitePhases(random, linePhases, site)
  const number = (town.drawing.transformers.length + 1).toString().padStart(4, '0')
  const id = `T-${plan.label}-${number}`
  const spot = { node: `${id}-LV`, xM: at.xM + random.between(-12, 12), yM: at.yM + 10 }
  drawing.nodes.push({ id: spot.node, kv: LOW_KV, ...town.lonLat(spot.xM, spot.yM) })
  drawing.transformers.push({
    id,
    from: at.node,
    to: spot.node,
    phases,
    kind: 'distribution',
    ratedKva: transformerKva(site),
    name: null,
    failuresPerYear: 0.015,
    repairH: 5,
  })
  addPoints(town, random, plan, spot, phases, site)
}

function sitePhases(random: Random, linePhases: number, site: Site): number {
  if (site.threePhase) return linePhases
  const letters = [1, 2, 4].filter((phase) => (phase & linePhases) !== 0)
  if (letters.length === 2 && random.chance(0.2)) return linePhases
  return random.pick(letters)
}

/** The size that a planner would have taken, out of those one can buy. */
function transformerKva(site: Site): number {
  const needed = { homes: 6, block: 4, shops: 35, works: 600 }[site.kind] * site.customers
  const sizes = site.threePhase ? [45, 75, 112.5, 150, 225, 300, 500, 750] : [15, 25, 37.5, 50, 75]
  return sizes.find((size) => size >= needed) ?? sizes.at(-1)!
}

function addPoints(
  town: Town,
  random: Random,
  plan: FeederPlan,
  spot: Spot,
  phases: number,
  site: Site,
): void {
  const add = (own: number, customers: number, kind: LoadClass) =>
    addPoint(town, random, plan, spot, spot.node, own, customers, kind)
  switch (site.kind) {
    case 'works':
      return add(phases, 1, 'industrial')
    case 'shops':
      for (let n = 0; n < site.customers; n++) add(phases, 1, 'commercial')
      return
    case 'block':
      // A staircase of flats is one connection with many customers.
      for (let left = site.customers; left > 0;) {
        const flats = Math.min(left, random.int(6, 16))
        add(phases, flats, 'residential')
        left -= flats
      }
      return
    case 'homes': {
      const letters = [1, 2, 4].filter((phase) => (phase & phases) !== 0)
      for (let n = 0; n < site.customers; n++) {
        // Behind a three-phase transformer homes are spread over the phases; on two phases they use both.
        add(letters.length === 3 ? letters[n % 3]! : phases, 1, 'residential')
      }
      return
    }
  }
}

type LoadClass = 'residential' | 'commercial' | 'industrial'
const AVERAGE_KW = { residential: 1.1, commercial: 7, industrial: 160 } as const
const PEAK_FACTOR = { residential: 3.4, commercial: 2.4, industrial: 1.7 } as const
const CONNECTED_KVA = { residential: 10, commercial: 40, industrial: 500 } as const

function addPoint(
  town: Town,
  random: Random,
  plan: FeederPlan,
  spot: Spot,
  node: string,
  phases: number,
  customers: number,
  kind: LoadClass,
): void {
  const averageKw = round2(AVERAGE_KW[kind] * customers * random.between(0.6, 1.5))
  // Peaks of many homes do not meet: the more, the flatter.
  const together = 1 + (PEAK_FACTOR[kind] - 1) / Math.sqrt(Math.min(customers, 16))
  const number = (town.drawing.servicePoints.length + 1).toString().padStart(5, '0')
  town.drawing.servicePoints.push({
    id: `SP-${plan.label}-${number}`,
    node,
    phases,
    customers,
    connectedKva: CONNECTED_KVA[kind] * customers,
    class: kind,
    averageKw,
    peakKw: round2(averageKw * together),
    priority: priorityOf(random, kind),
    ...town.lonLat(spot.xM + random.between(-25, 25), spot.yM + random.between(-25, 25)),
  })
}

function priorityOf(random: Random, kind: LoadClass): ServicePointRow['priority'] {
  if (kind === 'residential') return random.chance(0.003) ? 'life_support' : null
  return random.chance(kind === 'commercial' ? 0.02 : 0.1) ? 'critical' : null
}

const round2 = (x: number) => Math.round(x * 100) / 100
