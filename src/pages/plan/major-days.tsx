import { date, monthName } from '../language.ts'
import { figure } from './figures.ts'
import { Fold } from './fold.tsx'
import { valueOf } from './reading.ts'
import type { IndexRow, Reports } from './report-data.ts'
import { Unread } from './unread.tsx'
import { w } from './words.ts'

const WIDTH = 480
const HEIGHT = 190
const LEFT = 34
const TOP = 14
const BOTTOM = 160
const DAY_MS = 86_400_000

/** What the threshold is of: minutes of long interruptions for each that is served, whatever the rulebook calls it and counts it in. */
function saidiMinOf({ cmi, customersServed, indices }: IndexRow): number | null {
  const withoutShort = indices['SAIDI-4']
  if (withoutShort !== undefined) return withoutShort === null ? null : withoutShort * 60
  return customersServed === null || customersServed <= 0 ? null : cmi / customersServed
}

/** Each day's unplanned SAIDI on a logarithmic scale, with the threshold of the 2.5 beta method. */
export function MajorDaysPlot({ shown }: { shown: Reports }) {
  const words = w.value
  const { days, of } = shown
  const majorDays = valueOf(shown.majorDays)
  const all = valueOf(days)?.rows ?? []
  const points = all.flatMap((row) => {
    const saidi = saidiMinOf(row)
    return row.group !== null && saidi !== null && saidi > 0
      ? [{ day: row.group, saidi, ln: Math.log(saidi) }]
      : []
  })
  const threshold = majorDays?.thresholdMin ?? null
  const lnThreshold = threshold === null || threshold <= 0 ? null : Math.log(threshold)
  const lns = [...points.map(({ ln }) => ln), ...(lnThreshold === null ? [] : [lnThreshold])]
  const low = Math.floor(Math.min(0, ...lns))
  const high = Math.ceil(Math.max(1, ...lns))
  const fromAt = Date.parse(of.from)
  const toAt = Date.parse(of.to)
  const x = (day: string) =>
    LEFT + ((Date.parse(day) + DAY_MS / 2 - fromAt) / (toAt - fromAt)) * (WIDTH - LEFT)
  const y = (ln: number) => BOTTOM - ((ln - low) / (high - low)) * (BOTTOM - TOP)
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => low + index).filter(
    (value) => value % 2 === 0,
  )
  const major = majorDays?.days ?? []
  return (
    <section>
      <h2>
        {words.majorDays}{' '}
        <span class="mute">
          {majorDays === null
            ? ''
            : majorDays.alpha === null || majorDays.beta === null
              ? words.majorNone
              : words.majorHow(
                  figure(majorDays.alpha),
                  figure(majorDays.beta),
                  majorDays.historyDays,
                )}
        </span>
      </h2>
      <svg class="ch" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
        {ticks.map((value) => (
          <g key={value}>
            <path class="grid" d={`M${LEFT} ${y(value)}H${WIDTH}`} />
            <text class="e" x={LEFT - 6} y={y(value) + 4}>
              {value}
            </text>
          </g>
        ))}
        <path class="dots" d={points.map(({ day, ln }) => `M${x(day)} ${y(ln)}h.01`).join('')} />
        {lnThreshold !== null && (
          <>
            <path class="thr" d={`M${LEFT} ${y(lnThreshold)}H${WIDTH}`} />
            <text class="e hl" x={WIDTH} y={y(lnThreshold) - 5}>
              {words.threshold(figure(threshold, 2))}
            </text>
          </>
        )}
        {major
          .filter(({ date: day, saidiMin }) => saidiMin > 0 && day >= of.from && day < of.to)
          .map(({ date: day, saidiMin }) => (
            <circle key={day} class="mjd" cx={x(day)} cy={y(Math.log(saidiMin))} r="5" />
          ))}
        {monthTicks(of.from, of.to).map((day) => (
          <text key={day} x={x(day)} y={BOTTOM + 16}>
            {monthName(Date.parse(`${day}T12:00:00Z`))}
          </text>
        ))}
      </svg>
      <Unread of={days.state === 'known' ? shown.majorDays : days} />
      <Fold name="majorDays" says={words.table}>
        {major.length === 0 && <p>{words.noMajor}</p>}
        {points.length > 0 && (
          <table>
            <thead>
              <tr>
                <th scope="col">{words.day}</th>
                <th scope="col" class="n">
                  SAIDI, {words.minutes}
                </th>
                <th scope="col" class="n">
                  ln
                </th>
                <th scope="col">{words.majorDays}</th>
              </tr>
            </thead>
            <tbody>
              {points
                .toSorted((a, b) => b.saidi - a.saidi)
                .map(({ day, saidi, ln }) => (
                  <tr key={day}>
                    <th scope="row">{date(Date.parse(`${day}T12:00:00Z`))}</th>
                    <td class="n">{figure(saidi, 2)}</td>
                    <td class="n">{figure(ln, 2)}</td>
                    <td>{major.some((one) => one.date === day) && words.yes}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        )}
        <p class="mute">{words.emptyDays(all.length - points.length)}</p>
      </Fold>
    </section>
  )
}

const TICKS_MAX = 12
function monthTicks(from: string, to: string): string[] {
  const firsts: string[] = []
  for (
    let at = new Date(`${from.slice(0, 7)}-01T00:00:00Z`);
    ;
    at.setUTCMonth(at.getUTCMonth() + 1)
  ) {
    const day = at.toISOString().slice(0, 10)
    if (day >= to) break
    if (day >= from) firsts.push(day)
  }
  const every = Math.ceil(firsts.length / TICKS_MAX)
  return firsts.filter((_, index) => index % every === 0)
}
