import { otherEnd, supplyPath, type Energization, isFed } from './energization.ts'
import { at, NONE } from './network.ts'

/** Who is fed through whom, as the switches stand. Load points and devices by their indices. */
export type SupplyOrder = {
  /** Switches between a load point and its source on the way that supply takes now, the nearest first; none where it has no supply. */
  above(loadPoint: number): readonly number[]
  /** Load points that have supply through a switch now, on any phase. */
  below(device: number): readonly number[]
}

/** What it answers is kept: good for as long as no switch turns. */
export function supplyOrder(state: Energization): SupplyOrder {
  const { network, parent } = state
  const belowOf = new Map<number, readonly number[]>()

  function above(loadPoint: number): number[] {
    const node = at(network.loadPointNode, loadPoint)
    const devices = new Set<number>()
    for (let phase = 0; phase < 3; phase++) {
      const section = at(network.nodeSection, node * 3 + phase)
      if (section === NONE || !isFed(state, section)) continue
      for (const link of supplyPath(state, section)) devices.add(Math.floor(link / 3))
    }
    return [...devices]
  }

  function below(device: number): readonly number[] {
    const known = belowOf.get(device)
    if (known !== undefined) return known
    const sections: number[] = []
    for (let link = device * 3; link < device * 3 + 3; link++) {
      for (const end of [at(network.linkFrom, link), at(network.linkTo, link)]) {
        if (end !== NONE && parent[end] === link) sections.push(end)
      }
    }
    const found = new Set<number>()
    for (const section of sections) {
      const groupsEnd = at(network.sectionGroupStart, section + 1)
      for (let i = at(network.sectionGroupStart, section); i < groupsEnd; i++) {
        found.add(at(network.groupLoadPoint, at(network.sectionGroups, i)))
      }
      const linksEnd = at(network.sectionLinkStart, section + 1)
      for (let i = at(network.sectionLinkStart, section); i < linksEnd; i++) {
        const link = at(network.sectionLinks, i)
        const other = otherEnd(network, link, section)
        // A tree with the sources at its roots: each section is reached once.
        if (other !== section && parent[other] === link) sections.push(other)
      }
    }
    const loadPoints = [...found]
    belowOf.set(device, loadPoints)
    return loadPoints
  }

  return { above, below }
}
