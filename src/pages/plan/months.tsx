import { monthName } from '../language.ts'
import { figure, steps, UNKNOWN } from './figures.ts'
import { Fold } from './fold.tsx'
import { valueOf, type Known } from './reading.ts'
import { addsUp, type Report, type Reports } from './report-data.ts'
import { Save } from './save.tsx'
import { Unread } from './unread.tsx'
import { Provisional } from './provisional.tsx'
import { w } from './words.ts'

const WIDTH = 620
const HEIGHT = 190
const LEFT = 44
const TOP = 16
const BOTTOM = 160

type Bar = {
  readonly month: string
  /** Null where nobody knows it: then nothing is drawn, for a bar of no height would say 0. */
  readonly all: number | null
  readonly unplanned: number | null
  readonly lastYear: number | null
  readonly provisional: boolean
}

/** Months stacked by planned and unplanned where they add up, last year as a line, the table behind. */
export function Months({ shown, symbol }: { shown: Reports; symbol: string }) {
  const words = w.value
  const bars = barsOf(shown, symbol)
  const unit = shown.system.rows[0]?.units[symbol] ?? ''
  const most = Math.max(0, ...bars.map(({ all, lastYear }) => Math.max(all ?? 0, lastYear ?? 0)))
  const axis = steps(most)
  const top = axis.at(-1) || 1
  const y = (value: number) => BOTTOM - (value / top) * (BOTTOM - TOP)
  const wide = (WIDTH - LEFT) / Math.max(1, bars.length)
  const stacked = addsUp(symbol)
  return (
    <section>
      <h2>
        {words.byMonth(symbol)} <span class="mute">{unit}</span>
        <Save by="month" />
        <span class="push key">
          {stacked ? (
            <>
              <i class="sw-u" /> {words.unplanned} <i class="sw-p" /> {words.planned}
            </>
          ) : (
            <>
              <i class="sw-u" /> {words.all}
            </>
          )}{' '}
          <i class="sw-l" /> {words.lastYearLine}
          {bars.some(({ provisional }) => provisional) && <> · * {words.provisionalRow}</>}
          {bars.some(({ all }) => all === null) && (
            <>
              {' '}
              · {UNKNOWN} {words.unknown}
            </>
          )}
        </span>
      </h2>
      <svg class="ch" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
        {axis.map((value) => (
          <g key={value}>
            <path class="grid" d={`M${LEFT} ${y(value)}H${WIDTH}`} />
            <text class="e" x={LEFT - 6} y={y(value) + 4}>
              {figure(value, 2)}
            </text>
          </g>
        ))}
        {bars.map((bar, index) => {
          const x = LEFT + index * wide + wide * 0.15
          const width = wide * 0.7
          const all = bar.all ?? 0
          const lower = stacked ? (bar.unplanned ?? all) : all
          return (
            <g key={bar.month}>
              {bar.all !== null && (
                <rect class="u" x={x} y={y(lower)} width={width} height={BOTTOM - y(lower)} />
              )}
              {all > lower && (
                <rect class="p" x={x} y={y(all)} width={width} height={y(lower) - y(all)} />
              )}
              {bar.lastYear !== null && (
                <path class="ly" d={`M${x - 3} ${y(bar.lastYear)}h${width + 6}`} />
              )}
              <text class={bar.all === null ? 'm' : 'm b'} x={x + width / 2} y={y(all) - 4}>
                {bar.all === 0 ? '' : figure(bar.all, 2)}
              </text>
              <text class="m" x={x + width / 2} y={BOTTOM + 16}>
                {nameOf(bar.month)}
                {bar.provisional && '*'}
              </text>
            </g>
          )
        })}
      </svg>
      <Unread of={shown.months} />
      <Fold name="months" says={words.table}>
        <table>
          <thead>
            <tr>
              <th scope="col">{words.month}</th>
              <th scope="col" class="n">
                {words.all}, {unit}
              </th>
              {stacked && (
                <>
                  <th scope="col" class="n">
                    {words.unplanned}
                  </th>
                  <th scope="col" class="n">
                    {words.planned}
                  </th>
                </>
              )}
              <th scope="col" class="n">
                {words.lastYearLine}
              </th>
            </tr>
          </thead>
          <tbody>
            {bars.map((bar) => (
              <tr key={bar.month}>
                <th scope="row">
                  {bar.month} {bar.provisional && <Provisional />}
                </th>
                <td class="n">{figure(bar.all)}</td>
                {stacked && (
                  <>
                    <td class="n">{figure(bar.unplanned)}</td>
                    <td class="n">
                      {bar.unplanned === null || bar.all === null
                        ? UNKNOWN
                        : figure(Math.max(0, bar.all - bar.unplanned))}
                    </td>
                  </>
                )}
                <td class="n">{figure(bar.lastYear)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Fold>
    </section>
  )
}

const nameOf = (month: string): string => monthName(Date.parse(`${month}-15T12:00:00Z`))

function barsOf(shown: Reports, symbol: string): Bar[] {
  const { months, monthsUnplanned, monthsLastYear } = shown
  // A year without any interruption is one that nobody recorded.
  const recorded = valueOf(shown.lastYear)?.rows[0]?.ci !== 0
  const by = (report: Known<Report>) =>
    new Map(valueOf(report)?.rows.map((row) => [row.group, row.indices[symbol] ?? null]))
  const unplanned = by(monthsUnplanned)
  const past = by(monthsLastYear)
  return (valueOf(months)?.rows ?? []).flatMap(({ group, indices, provisional }) => {
    if (group === null) return []
    const before = `${Number(group.slice(0, 4)) - 1}${group.slice(4)}`
    return {
      month: group,
      all: indices[symbol] ?? null,
      unplanned: unplanned.get(group) ?? null,
      lastYear: recorded ? (past.get(before) ?? null) : null,
      provisional,
    }
  })
}
