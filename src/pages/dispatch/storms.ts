import { computed, signal } from '@preact/signals'
import { read } from '../api.ts'
import { outages } from './board.ts'
import { isOut, type Etr, type Outage } from './outages.ts'

/** Storm mode as `GET /api/v1/storms` tells it. `area` null: everywhere. */
export type Storm = {
  readonly id: number
  readonly area: string | null
  readonly declaredAt: string
  readonly declaredBy: string
  readonly reason: string | null
  readonly etr: Etr | null
}

/** Storms that are declared and have not ended. */
export const storms = signal<readonly Storm[]>([])

let reading = false
/** One question at a time: it is asked after every round of the board, and rounds are short in a storm. */
export async function followStorms(): Promise<void> {
  if (reading) return
  reading = true
  await readStorms()
  reading = false
}

export async function readStorms(): Promise<void> {
  const answer = await read<{ storms: readonly Storm[] }>('/api/v1/storms')
  if (answer.ok) storms.value = answer.value.storms
}

export const stormOf = (area: string | null): Storm | null =>
  storms.value.find((storm) => storm.area === area) ?? null

/** Areas that storm mode can be declared for: those where somebody is out, and those where it is declared. */
export const stormAreas = computed<readonly string[]>(() => {
  const found = new Set<string>()
  for (const outage of outages.value.values()) {
    if (isOut(outage) && outage.area !== null) found.add(outage.area)
  }
  for (const { area } of storms.value) if (area !== null) found.add(area)
  return [...found].sort()
})

/** What people said of an outage stands in a storm; what machines said gives way to the storm's own estimate. */
const isOfPeople = ({ etr }: Outage): boolean =>
  etr !== null && (etr.source === 'crew' || etr.source === 'dispatcher')

export type StormReach = {
  readonly outages: number
  readonly customers: number
  /** With an estimate of a crew or a dispatcher, which stands. */
  readonly standing: number
  /** With an estimate of a machine or of the storm, which gives way. */
  readonly givingWay: number
}

/** Whom storm mode of an area concerns now. A storm of everywhere leaves areas alone that have one of their own. */
export function reachOf(area: string | null): StormReach {
  const own = new Set(storms.value.flatMap((storm) => storm.area ?? []))
  const inside = [...outages.value.values()].filter(
    (outage) =>
      isOut(outage) &&
      outage.kind === 'unplanned' &&
      (area === null ? !own.has(outage.area ?? '') : outage.area === area),
  )
  return {
    outages: inside.length,
    customers: inside.reduce((sum, { customersOut }) => sum + customersOut, 0),
    standing: inside.filter(isOfPeople).length,
    givingWay: inside.filter((outage) => outage.etr !== null && !isOfPeople(outage)).length,
  }
}
