import { NONE } from '../grid/network.ts'
import type { Ledger } from './state.ts'

/** Null for what a new network revision did. */
export const nameOf = ({ network, record }: Ledger, device: number): string | null =>
  device >= 0
    ? (network.branchIds[device] as string)
    : device === NONE
      ? null
      : (record.gone[-2 - device] as string)

/** The number of a device; one that is no longer drawn gets a number here, so that what it began stays what it was. */
export function deviceNamed({ network, record }: Ledger, name: string | null): number {
  if (name === null) return NONE
  const drawn = network.switchIndex.get(name)
  if (drawn !== undefined) return drawn
  let index = record.gone.indexOf(name)
  if (index < 0) index = record.gone.push(name) - 1
  return -2 - index
}
