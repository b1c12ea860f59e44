import { otherEnd } from '../grid/energization.ts'
import { at, NONE, type Link } from '../grid/network.ts'
import type { EpochMs } from '../time.ts'
import type { Ledger } from './state.ts'

/** A part of the network that can be derived again by itself. */
export type Region = {
  readonly sections: readonly number[]
  /** Switches at the region that turned in the window: only these must be set back and operated again. */
  readonly devices: readonly number[]
}

/**
 * What late words about these switches can have influenced from an instant on.
 *
 * A section is out of reach when it is fed now along a path on which nothing turned since: then it was fed all the while, whatever these
 * switches did, and influence does not pass through it. From both ends of the switches the region grows over every link that is closed or
 * may have been, up to such sections.
 */
export function affectedRegion(ledger: Ledger, seeds: readonly number[], from: EpochMs): Region {
  const { network, energization } = ledger
  const turned = turnedSince(ledger, from)
  for (const device of seeds) turned.add(device)
  const steady = new Map<number, boolean>()

  const isSteady = (section: number): boolean => {
    const path: number[] = []
    let here = section
    let answer: boolean | undefined
    for (;;) {
      answer = steady.get(here)
      if (answer !== undefined) break
      path.push(here)
      const link = at(energization.parent, here)
      if (link < 0) {
        answer = network.sectionSource[here] === 1
        break
      }
      if (turned.has(Math.floor(link / 3))) {
        answer = false
        break
      }
      here = otherEnd(network, link, here)
    }
    for (const passed of path) steady.set(passed, answer)
    return answer
  }

  const sections: number[] = []
  const inRegion = new Set<number>()
  const devices = new Set<number>()
  const reach = (section: number): void => {
    if (section === NONE || inRegion.has(section) || isSteady(section)) return
    inRegion.add(section)
    sections.push(section)
  }
  const reachDevice = (device: number): void => {
    if (devices.has(device)) return
    devices.add(device)
    // All its phases: it is set back as a whole.
    for (let phase = 0; phase < 3; phase++) {
      reach(at(network.linkFrom, device * 3 + phase))
      reach(at(network.linkTo, device * 3 + phase))
    }
  }
  for (const device of seeds) reachDevice(device)
  for (let head = 0; head < sections.length; head++) {
    const section = sections[head] as number
    for (
      let i = at(network.sectionLinkStart, section);
      i < at(network.sectionLinkStart, section + 1);
      i++
    ) {
      const link: Link = at(network.sectionLinks, i)
      const device = Math.floor(link / 3)
      if (turned.has(device)) reachDevice(device)
      else if ((at(energization.closed, device) & (1 << (link % 3))) !== 0) {
        reach(otherEnd(network, link, section))
      }
    }
  }
  return { sections, devices: [...devices] }
}

/** Switches that turned (or may have) at or after an instant. */
function turnedSince(ledger: Ledger, from: EpochMs): Set<number> {
  const devices = new Set<number>()
  for (let i = ledger.journal.length - 1; i >= 0; i--) {
    const entry = ledger.journal[i] as { at: EpochMs; device: number }
    if (entry.at < from) break
    devices.add(entry.device)
  }
  return devices
}
