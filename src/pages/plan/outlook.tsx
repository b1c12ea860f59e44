import { MS_PER_DAY, MS_PER_H } from '../../time.ts'
import { count, day, hhmm } from '../language.ts'
import { pageTime } from '../page-clock.ts'
import { Columns } from './columns.tsx'
import { figure, steps } from './figures.ts'
import { useRead } from './reading.ts'
import { w } from './words.ts'
import { wl } from './words-load.ts'

type Measured = {
  readonly ratedKva: number | null
  readonly values: readonly { readonly at: string; readonly meanKw: number }[]
}
type Forecast = {
  readonly ratedKva: number | null
  readonly issuedAt: string
  readonly method: string
  readonly errorPct: {
    readonly regression: number | null
    readonly temperature: number | null
    readonly seasonalNaive: number | null
  }
  readonly levels: readonly number[]
  readonly hours: readonly {
    readonly at: string
    readonly kw: number | null
    readonly quantilesKw: readonly number[] | null
    readonly naiveKw: number | null
  }[]
}
type Peaks = {
  readonly limitKw: number | null
  readonly measured: readonly {
    readonly year: number
    readonly kw: number
    readonly whole: boolean
  }[]
  readonly growthPct: number
  readonly basis: string
  readonly years: readonly {
    readonly year: number
    readonly lowKw: number
    readonly baseKw: number
    readonly highKw: number
    readonly pipelineKw: number
  }[]
  readonly passes: { readonly base: number | null; readonly high: number | null }
}
type Hour = {
  readonly at: number
  readonly measured: number | null
  readonly forecast: number | null
  readonly low: number | null
  readonly high: number | null
  readonly naive: number | null
}

const BACK_MS = 2 * MS_PER_DAY
const AHEAD_H = 72
const WIDTH = 1300
const HEIGHT = 220
const LEFT = 52
const TOP = 14
const BOTTOM = 190
/** A rating further above the load than this would press the curve flat: it is told in words instead. */
const RATING_DRAWN_MAX = 2
/** The edges of the band that is drawn. */
const LOW = 0.1
const HIGH = 0.9

/** The load of a feeder or substation two days back and three days ahead with its band, and the peaks of the years. */
export function Outlook({ id }: { id: string }) {
  const path = `/api/v1/loads/${encodeURIComponent(id)}`
  // Whole hours: the same question has the same address until the hour is over.
  const hour = Math.floor(pageTime() / MS_PER_H) * MS_PER_H
  const from = new Date(hour - BACK_MS).toISOString()
  const measured = useRead<Measured>(`${path}?resolution=hour&from=${from}`)
  const forecast = useRead<Forecast>(`${path}/forecast?hours=${AHEAD_H}`)
  const peaks = useRead<Peaks>(`${path}/peaks`)
  const words = wl.value
  if (measured.state === 'reading' || forecast.state === 'reading') {
    return <p role="status">{w.value.reading}</p>
  }
  const hours = hoursOf(
    measured.state === 'known' ? measured.value : null,
    forecast.state === 'known' ? forecast.value : null,
  )
  const limitKw = peaks.state === 'known' ? peaks.value.limitKw : null
  const has = hours.some(({ forecast: kw }) => kw !== null)
  return (
    <>
      <h3>
        {words.loadAndForecast} <span class="mute">{words.lastAndNext}</span>
      </h3>
      {!has && <p>{words.noForecast}</p>}
      {hours.length > 0 && <Chart hours={hours} limitKw={limitKw} />}
      {forecast.state === 'known' && has && <Judged forecast={forecast.value} />}
      {hours.length > 0 && <HoursTable hours={hours} />}
      {peaks.state === 'known' && <YearlyPeaks peaks={peaks.value} />}
    </>
  )
}

function hoursOf(measured: Measured | null, forecast: Forecast | null): Hour[] {
  const hours = new Map<number, Hour>()
  const none = { measured: null, forecast: null, low: null, high: null, naive: null }
  for (const { at, meanKw } of measured?.values ?? []) {
    hours.set(Date.parse(at), { at: Date.parse(at), ...none, measured: meanKw })
  }
  const level = (of: number) => forecast?.levels.indexOf(of) ?? -1
  for (const hour of forecast?.hours ?? []) {
    const at = Date.parse(hour.at)
    hours.set(at, {
      at,
      measured: hours.get(at)?.measured ?? null,
      forecast: hour.kw,
      low: hour.quantilesKw?.[level(LOW)] ?? null,
      high: hour.quantilesKw?.[level(HIGH)] ?? null,
      naive: hour.naiveKw,
    })
  }
  return [...hours.values()].sort((a, b) => a.at - b.at)
}

function Chart({ hours, limitKw }: { hours: readonly Hour[]; limitKw: number | null }) {
  const words = wl.value
  const first = hours[0]?.at ?? 0
  const last = hours.at(-1)?.at ?? first + 1
  const most = Math.max(
    0,
    ...hours.flatMap(({ measured, forecast, high }) => [measured ?? 0, forecast ?? 0, high ?? 0]),
  )
  const drawn = limitKw !== null && limitKw <= most * RATING_DRAWN_MAX ? limitKw : null
  const axis = steps(Math.max(most, drawn ?? 0))
  const top = axis.at(-1) || 1
  const x = (at: number) => LEFT + ((at - first) / Math.max(1, last - first)) * (WIDTH - LEFT)
  const y = (kw: number) => BOTTOM - (Math.max(0, kw) / top) * (BOTTOM - TOP)
  const line = (of: (hour: Hour) => number | null) =>
    pathOf(hours, x, (hour) => {
      const kw = of(hour)
      return kw === null ? null : y(kw)
    })
  const banded = hours.filter(({ low, high }) => low !== null && high !== null)
  const band =
    banded.length < 2
      ? ''
      : `M${banded.map((hour) => `${x(hour.at)} ${y(hour.high ?? 0)}`).join('L')}L${banded
          .toReversed()
          .map((hour) => `${x(hour.at)} ${y(hour.low ?? 0)}`)
          .join('L')}Z`
  const days = hours.filter(({ at }) => hhmm(at) === '00:00')
  return (
    <>
      <p class="key">
        <i class="sw-l" /> {words.measuredKey} <i class="sw-f" /> {words.forecastKey}{' '}
        <i class="sw-b" /> {words.bandKey} <i class="sw-n" /> {words.naiveKey}
        {limitKw !== null && (
          <>
            {' '}
            {drawn !== null && <i class="sw-r" />} {words.ratingKey(count(Math.round(limitKw)))}
          </>
        )}
      </p>
      <svg class="ch" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
        {axis.map((kw) => (
          <g key={kw}>
            <path class="grid" d={`M${LEFT} ${y(kw)}H${WIDTH}`} />
            <text class="e" x={LEFT - 6} y={y(kw) + 4}>
              {count(kw)}
            </text>
          </g>
        ))}
        {days.map(({ at }) => (
          <g key={at}>
            <path class="grid" d={`M${x(at)} ${TOP}V${BOTTOM}`} />
            <text x={x(at) + 4} y={BOTTOM + 18}>
              {day(at)}
            </text>
          </g>
        ))}
        {drawn !== null && <path class="thr" d={`M${LEFT} ${y(drawn)}H${WIDTH}`} />}
        <path class="band" d={band} />
        <path class="naive" d={line((hour) => hour.naive)} />
        <path class="fc" d={line((hour) => hour.forecast)} />
        <path class="ly" d={line((hour) => hour.measured)} />
      </svg>
    </>
  )
}

/** A line with a gap wherever a value is missing: nothing is drawn that nobody knows. */
function pathOf(
  hours: readonly Hour[],
  x: (at: number) => number,
  y: (hour: Hour) => number | null,
): string {
  let path = ''
  let pen: 'M' | 'L' = 'M'
  for (const hour of hours) {
    const height = y(hour)
    if (height === null) {
      pen = 'M'
      continue
    }
    path += `${pen}${x(hour.at).toFixed(1)} ${height.toFixed(1)}`
    pen = 'L'
  }
  return path
}

/** How good its forecasts were until now stands beside every forecast. */
function Judged({ forecast }: { forecast: Forecast }) {
  const words = wl.value
  const { regression: blind, temperature, seasonalNaive } = forecast.errorPct
  const regression = forecast.method === 'temperature' ? temperature : blind
  return (
    <p>
      {words.method[forecast.method] ?? forecast.method}{' '}
      {seasonalNaive !== null &&
        (regression === null
          ? words.erredNaive(figure(seasonalNaive, 1, '%'))
          : words.erred(figure(regression, 1, '%'), figure(seasonalNaive, 1, '%')))}
    </p>
  )
}

function HoursTable({ hours }: { hours: readonly Hour[] }) {
  const words = wl.value
  const cell = (kw: number | null) => (
    <td class="n">{kw === null ? '—' : count(Math.round(kw * 10) / 10)}</td>
  )
  return (
    <details>
      <summary>{w.value.table}</summary>
      <table>
        <Columns
          of={[
            words.hour,
            { n: words.kwMeasured },
            { n: words.kwForecast },
            { n: words.low },
            { n: words.high },
            { n: words.naiveKey },
          ]}
        />
        <tbody>
          {hours.map((hour) => (
            <tr key={hour.at}>
              <th scope="row">
                {day(hour.at)} {hhmm(hour.at)}
              </th>
              {cell(hour.measured)}
              {cell(hour.forecast)}
              {cell(hour.low)}
              {cell(hour.high)}
              {cell(hour.naive)}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  )
}

function YearlyPeaks({ peaks }: { peaks: Peaks }) {
  const words = wl.value
  if (peaks.measured.length === 0 && peaks.years.length === 0) return null
  const limit = peaks.limitKw === null ? null : count(Math.round(peaks.limitKw))
  const passed = peaks.passes.base ?? peaks.passes.high
  const kw = (value: number) => <td class="n">{count(Math.round(value))}</td>
  return (
    <>
      <h3>
        {words.peaks}{' '}
        <span class="mute">
          {words.growth(figure(peaks.growthPct, 1, '%'), words.basis[peaks.basis] ?? peaks.basis)}
        </span>
      </h3>
      <table class="peaks">
        <Columns
          of={[
            words.year,
            { n: words.measuredPeak },
            { n: words.lowKw },
            { n: words.baseKw },
            { n: words.highKw },
            { n: words.pipeline },
          ]}
        />
        <tbody>
          {peaks.measured.map((peak) => (
            <tr key={`m${peak.year}`}>
              <th scope="row">
                {peak.year} {!peak.whole && <span class="mute">{words.partYear}</span>}
              </th>
              {kw(peak.kw)}
              <td class="n" colSpan={4} />
            </tr>
          ))}
          {peaks.years.map((peak) => (
            <tr key={peak.year}>
              <th scope="row">{peak.year}</th>
              <td class="n" />
              {kw(peak.lowKw)}
              {kw(peak.baseKw)}
              {kw(peak.highKw)}
              {kw(peak.pipelineKw)}
            </tr>
          ))}
        </tbody>
      </table>
      {limit !== null && (
        <p>
          {passed === null ? words.passesNot(limit) : <b>{words.passes(limit, String(passed))}</b>}
        </p>
      )}
    </>
  )
}
