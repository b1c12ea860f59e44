import { count, hhmm, instant } from '../language.ts'
import { now } from '../page-clock.ts'
import { past } from './board.ts'
import { outAt, type OutageDetail } from './detail-data.ts'
import { isOut } from './outages.ts'
import { w } from './words.ts'

const WIDTH = 330
const HEIGHT = 96
const LEFT = 44
const BOTTOM = 78
const TOP = 12

/** Customers out over time, from the first second to now, and the estimate in force as a line to the ground. */
export function Stair({ outage }: { outage: OutageDetail }) {
  const startedAt = Date.parse(outage.startedAt)
  const at = past.value ?? now.value
  const endAt = instant(outage.restoredAt) ?? at
  const etrAt = isOut(outage) ? instant(outage.etr?.at) : null
  const lastAt = Math.max(endAt, etrAt ?? 0, startedAt + 60_000)
  const most = Math.max(1, outage.customersInterrupted)
  const x = (when: number) =>
    LEFT + ((when - startedAt) / (lastAt - startedAt)) * (WIDTH - LEFT - 8)
  const y = (customers: number) => BOTTOM - (Math.max(0, customers) / most) * (BOTTOM - TOP)
  let path = `M${x(startedAt)} ${y(outAt(outage, startedAt))}`
  for (const when of turns(outage)) path += `H${x(Math.min(when, endAt))}V${y(outAt(outage, when))}`
  path += `H${x(endAt)}`
  const marks = [...new Set([outage.customersInterrupted, outage.customersOut])]
  return (
    <svg class="stair" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <path class="a" d={`${path}V${BOTTOM}H${x(startedAt)}z`} />
      <path class="ax" d={`M${LEFT} ${BOTTOM}H${WIDTH}`} />
      <path class="k" d={path} />
      {etrAt !== null && etrAt > endAt && (
        <path class="f" d={`M${x(endAt)} ${y(outage.customersOut)}H${x(etrAt)}V${BOTTOM}`} />
      )}
      {isOut(outage) && <path class="now" d={`M${x(at)} ${TOP - 6}V${BOTTOM}`} />}
      {marks.map((customers) => (
        <text key={customers} class="e" x={LEFT - 6} y={y(customers) + 4}>
          {count(customers)}
        </text>
      ))}
      <text x={LEFT} y={HEIGHT - 4}>
        {hhmm(startedAt)}
      </text>
      {isOut(outage) && x(at) - LEFT > 60 && (etrAt === null || x(etrAt) - x(at) > 60) && (
        <text class="m" x={Math.min(x(at), WIDTH - 16)} y={HEIGHT - 4}>
          {w.value.nowMark}
        </text>
      )}
      {etrAt !== null && etrAt > endAt && (
        <text class="e" x={WIDTH} y={HEIGHT - 4}>
          {hhmm(etrAt)}
        </text>
      )}
    </svg>
  )
}

/** The instants at which the number out changed, in their order. */
function turns({ interruptions }: OutageDetail): number[] {
  const instants = interruptions.flatMap(({ from, until }) =>
    until === null ? [Date.parse(from)] : [Date.parse(from), Date.parse(until)],
  )
  return [...new Set(instants)].sort((a, b) => a - b)
}
