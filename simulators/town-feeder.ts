import type { SwitchRow } from '../src/grid/tables.ts'
import type { Random } from './random.ts'
import type { FeederPlan, Spot, Town } from './town-drawing.ts'
import { STRIP_WIDTH_M } from './town-drawing.ts'
import type { Site } from './town-loads.ts'
import { buildSite, planSites } from './town-loads.ts'

/** The main line of a feeder, from the substation outwards. */
export type Trunk = { readonly id: string; readonly label: string; readonly spots: readonly Spot[] }

const ABC = 7
const SITES_PER_LATERAL = 9
const LATERALS_PER_TRUNK_SPOT = 2.5
const TRUNK_SPOTS_MAX = 12
const TRUNK_SECTION_M = 250
const LATERAL_SPAN_M = 70

/** How one feeder grows: it numbers what it builds. */
type Builder = {
  readonly town: Town
  readonly random: Random
  readonly plan: FeederPlan
  nodes: number
  lines: number
  fuses: number
  switches: number
}

/** Builds the feeder into the town's drawing: head, trunk, laterals, transformers and service points. */
export function buildFeeder(town: Town, random: Random, plan: FeederPlan): Trunk {
  const builder: Builder = { town, random, plan, nodes: 0, lines: 0, fuses: 0, switches: 0 }
  const head = `CB-${plan.label}`
  town.drawing.feeders.push({
    id: plan.id,
    name: plan.name,
    substation: plan.substation,
    head,
    ratedA: 400,
    ratedKva: 8600,
  })
  const first = addNode(builder, plan.startXM, plan.startYM + plan.directionY * 30)
  addSwitch(builder, head, 'breaker', plan.busNode, first.node, {
    telemetered: true,
    ratedA: 600,
    name: plan.name,
  })

  const sites = planSites(random, plan.customers)
  const laterals = planLaterals(random, sites)
  const spots = buildTrunk(builder, first, laterals.length)
  laterals.forEach((lateral, index) => {
    // Counted from the far end, so that the trunk never ends in nothing.
    const step = Math.floor((index * spots.length) / laterals.length)
    buildLateral(builder, spots[spots.length - 1 - step]!, lateral, index % 2 === 0 ? 1 : -1)
  })
  return { id: plan.id, label: plan.label, spots }
}

function buildTrunk(builder: Builder, first: Spot, lateralCount: number): Spot[] {
  const { town, random, plan } = builder
  const count = Math.min(
    TRUNK_SPOTS_MAX,
    Math.max(Math.min(2, lateralCount), Math.round(lateralCount / LATERALS_PER_TRUNK_SPOT)),
  )
  const recloserAfter = Math.ceil(count / 2)
  const switchEvery = count > 6 ? 2 : 1
  const spots: Spot[] = []
  // Out of the substation in a cable along the main street, then into the strip.
  let here = addNode(builder, plan.stripXM, first.yM)
  addLine(builder, first, here, ABC, { overhead: false, main: true })
  for (let number = 1; number <= count; number++) {
    if (number > 1) {
      const onward = addNode(builder, here.xM, here.yM + plan.directionY * 8)
      if (number - 1 === recloserAfter) {
        const label = `RCL-${town.nextRecloser++}`
        addSwitch(builder, label, 'recloser', here.node, onward.node, {
          telemetered: true,
          ratedA: 400,
          name: `Recloser ${label.slice(4)} ${plan.street}`,
        })
        here = onward
      } else if ((number - 1) % switchEvery === 0) {
        const label = `LBS-${plan.label}-${++builder.switches}`
        addSwitch(builder, label, 'load_break', here.node, onward.node, {
          telemetered: random.chance(0.7),
          ratedA: 400,
          name: `Switch ${builder.switches} ${plan.street}`,
        })
        here = onward
      } else {
        addLine(builder, here, onward, ABC, { overhead: true, main: true })
        here = onward
      }
    }
    const next = addNode(builder, here.xM, here.yM + plan.directionY * TRUNK_SECTION_M)
    addLine(builder, here, next, ABC, { overhead: random.chance(0.75), main: true })
    spots.push(next)
    here = next
  }
  return spots
}

type Lateral = { phases: number; sites: Site[] }

/** Every third lateral is three-phase; who needs three phases lives there. */
function planLaterals(random: Random, sites: readonly Site[]): Lateral[] {
  const count = Math.max(1, Math.round(sites.length / SITES_PER_LATERAL))
  const laterals: Lateral[] = []
  for (let index = 0; index < count; index++) {
    const phases = index % 3 === 0 ? ABC : random.pick([1, 2, 4, 1, 2, 4, 3, 5, 6])
    laterals.push({ phases, sites: [] })
  }
  const threePhase = laterals.filter((lateral) => lateral.phases === ABC)
  sites.forEach((site, index) => {
    const among = site.threePhase ? threePhase : laterals
    among[index % among.length]!.sites.push(site)
  })
  return laterals.filter((lateral) => lateral.sites.length > 0)
}

function buildLateral(builder: Builder, from: Spot, lateral: Lateral, side: 1 | -1): void {
  const { random } = builder
  let here = addNode(builder, from.xM + side * 15, from.yM + random.between(-90, 90))
  addFuse(builder, from, here, lateral.phases, 100)
  const overhead = random.chance(0.7)
  // What hangs on the branch has a fuse of its own behind the first one.
  const branched = lateral.sites.length >= 6 && random.chance(0.6)
  const along = branched ? Math.ceil(lateral.sites.length * 0.6) : lateral.sites.length
  const branchAfter = Math.max(1, Math.floor(along / 3))
  for (let index = 0; index < along;) {
    const next = addNode(builder, stepAlong(from, here, side), here.yM)
    addLine(builder, here, next, lateral.phases, { overhead, main: false })
    here = next
    const group = Math.min(along - index, random.int(1, 2))
    for (let n = 0; n < group; n++) {
      buildSite(builder.town, random, builder.plan, here, lateral.phases, lateral.sites[index + n]!)
    }
    const reached = index + group
    if (branched && index < branchAfter && reached >= branchAfter) {
      buildBranch(builder, here, lateral, lateral.sites.slice(along))
    }
    index = reached
  }
}

/** A branch off a lateral runs along the side street; often on one phase only. */
function buildBranch(builder: Builder, from: Spot, lateral: Lateral, sites: Site[]): void {
  const { random, plan } = builder
  const letters = [1, 2, 4].filter((phase) => (phase & lateral.phases) !== 0)
  const narrow = !sites.some((site) => site.threePhase) && random.chance(0.6)
  const phases = narrow ? random.pick(letters) : lateral.phases
  const up = plan.directionY * (random.chance(0.5) ? 1 : -1)
  let here = addNode(builder, from.xM, from.yM + up * 15)
  addFuse(builder, from, here, phases, 40)
  for (const site of sites) {
    const next = addNode(builder, here.xM, here.yM + up * LATERAL_SPAN_M * 0.6)
    addLine(builder, here, next, phases, { overhead: true, main: false })
    here = next
    buildSite(builder.town, random, plan, here, phases, site)
  }
}

/** A long lateral doubles back before it leaves its strip. */
function stepAlong(from: Spot, here: Spot, side: 1 | -1): number {
  const reach = STRIP_WIDTH_M / 2 - LATERAL_SPAN_M
  const x = here.xM + side * LATERAL_SPAN_M
  return Math.abs(x - from.xM) > reach ? here.xM - side * LATERAL_SPAN_M * 0.45 : x
}

function addNode(builder: Builder, xM: number, yM: number): Spot {
  const node = `P-${builder.plan.label}-${++builder.nodes}`
  const { town, plan } = builder
  town.drawing.nodes.push({ id: node, kv: plan.kv, ...town.lonLat(xM, yM) })
  return { node, xM, yM }
}

function addLine(
  builder: Builder,
  from: Spot,
  to: Spot,
  phases: number,
  kind: { overhead: boolean; main: boolean },
): void {
  const { random } = builder
  const straightM = Math.hypot(to.xM - from.xM, to.yM - from.yM)
  builder.town.drawing.lines.push({
    id: `L-${builder.plan.label}-${++builder.lines}`,
    from: from.node,
    to: to.node,
    phases,
    lengthM: Math.max(5, Math.round(straightM * random.between(1, 1.15))),
    ratedA: kind.main ? 400 : 150,
    overhead: kind.overhead,
    failuresPerKmYear: kind.overhead ? (kind.main ? 0.1 : 0.2) : 0.05,
    repairH: kind.overhead ? (kind.main ? 3 : 2) : 6,
  })
}

function addFuse(builder: Builder, from: Spot, to: Spot, phases: number, ratedA: number): void {
  const id = `FUS-${builder.plan.label}-${++builder.fuses}`
  addSwitch(builder, id, 'fuse', from.node, to.node, {
    phases,
    ratedA,
    // The newer cut-outs carry a radio.
    telemetered: builder.random.chance(0.4),
    name: null,
  })
}

function addSwitch(
  builder: Builder,
  id: string,
  kind: SwitchRow['kind'],
  from: string,
  to: string,
  rest: { phases?: number; telemetered: boolean; ratedA: number; name: string | null },
): void {
  builder.town.drawing.switches.push({
    id,
    from,
    to,
    kind,
    phases: rest.phases ?? ABC,
    normallyClosed: true,
    ratedA: rest.ratedA,
    telemetered: rest.telemetered,
    name: rest.name,
  })
}
