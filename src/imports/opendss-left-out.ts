import type { FaultList } from './fault-list.ts'
import type { Circuit } from './opendss-circuit.ts'
import type { Parts } from './opendss-parts.ts'

/** What is not modelled is named with its count, not swallowed. */
export function reportLeftOut(circuit: Circuit, parts: Parts, faults: FaultList): void {
  for (const [what, ids] of parts.leftOut) {
    const isSeries = what.includes('in series')
    faults.add({
      severity: 'warning',
      component: what,
      code: isSeries ? 'series-element' : 'left-out',
      says: isSeries ? 'passes supply' : 'is left out',
      ids,
    })
  }
  for (const [className, count] of circuit.passedOver) {
    faults.add({
      severity: 'warning',
      component: className,
      code: 'not-modelled',
      says: `is not modelled (${count} in all)`,
      count,
    })
  }
}
