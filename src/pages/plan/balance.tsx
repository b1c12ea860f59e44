import { count, date, day, hhmm, instantOfClock, zoneName } from '../language.ts'
import { toIso } from '../../time.ts'
import { LoadBar } from '../marks.tsx'
import { figure, percent, UNKNOWN, whole } from './figures.ts'
import { FeederLosses, Losses } from './losses.tsx'
import { Outlook } from './outlook.tsx'
import { Columns } from './columns.tsx'
import { PlaceLink } from './place-link.tsx'
import { ask, dayAfter, question, today } from './question.ts'
import { useRead } from './reading.ts'
import { w } from './words.ts'
import { wl } from './words-load.ts'

/** `GET /api/v1/balance` of a moment, or `…/peak` of a day or year; `at` is null where nothing was measured in those days. */
type Balance = {
  readonly at: string | null
  readonly positions?: string
  readonly measuredPoints?: number
  readonly substations: readonly Row[]
  readonly units: readonly Row[]
  readonly feeders: readonly Row[]
  readonly capacity: readonly Capacity[]
  /** Of peaks only. */
  readonly coincidence?: number | null
}
type Capacity = {
  readonly area: string
  readonly kv: number | null
  readonly installedMva: number | null
  readonly loadMw: number
  readonly ratio: number | null
  readonly range: { readonly low: number; readonly high: number; readonly source: string } | null
  readonly verdict: string
}
type Row = {
  readonly id: string
  readonly name: string
  readonly parent: string | null
  readonly customers: number
  readonly kw: number
  readonly kva: number
  readonly source: string
  readonly ratedKva: number | null
  readonly rate: number | null
  readonly marginKva: number | null
  readonly reverse: boolean
  /** Of peaks only: when the row itself was highest; null where it is not measured. */
  readonly own?: { readonly at: string; readonly kva: number; readonly rate: number | null } | null
}

function pathOf(at: string | null, peak: string | null): string {
  if (peak !== null) return `/api/v1/balance/peak?${peak.length === 4 ? 'year' : 'day'}=${peak}`
  return `/api/v1/balance${at === null ? '' : `?at=${encodeURIComponent(at)}`}`
}

export function Balance() {
  const words = w.value
  const { at: moment, peak } = question.value
  const asked = useRead<Balance>(pathOf(moment, peak))
  if (asked.state !== 'known') {
    return (
      <p class="status" role="status">
        {asked.state === 'reading' ? words.reading : words.failed(asked.why)}
      </p>
    )
  }
  const known = asked.value
  return (
    <>
      <Place known={known} />
      <Table known={known} />
      <CapacityOverLoad rows={known.capacity} />
      <Losses at={known.at} />
    </>
  )
}

/** What the balance is asked for: this moment or another, the highest load of a day or of a year. */
function When() {
  const words = wl.value
  const { peak } = question.value
  const year = today().slice(0, 4)
  return (
    <span class="push row noprint">
      <button type="button" aria-pressed={peak === null} onClick={() => ask({ peak: null })}>
        {words.moment}
      </button>
      <button
        type="button"
        aria-pressed={peak?.length === 10}
        onClick={() => ask({ peak: dayAfter(today(), -1) })}
      >
        {words.peakOfDay}
      </button>
      <button type="button" aria-pressed={peak?.length === 4} onClick={() => ask({ peak: year })}>
        {words.peakOfYear}
      </button>
      {peak === null && (
        <>
          <label>
            {w.value.moment} ({zoneName}){' '}
            <input
              type="datetime-local"
              onChange={(event) => {
                const wanted = instantOfClock(event.currentTarget.value)
                if (wanted !== null) ask({ at: toIso(wanted) })
              }}
            />
          </label>
          <button type="button" onClick={() => ask({ at: null })}>
            {w.value.atNow}
          </button>
        </>
      )}
      {peak?.length === 10 && (
        <label>
          {w.value.day}{' '}
          <input
            type="date"
            value={peak}
            onChange={(event) =>
              event.currentTarget.value && ask({ peak: event.currentTarget.value })
            }
          />
        </label>
      )}
      {peak?.length === 4 && (
        <label>
          {words.year}{' '}
          <input
            type="number"
            min="2000"
            max="2200"
            value={peak}
            onChange={(event) =>
              /^\d{4}$/.test(event.currentTarget.value) && ask({ peak: event.currentTarget.value })
            }
          />
        </label>
      )}
    </span>
  )
}

/** The feeder or substation that was chosen: its load and forecast, and what the loss of a section of it means. */
function Place({ known }: { known: Balance }) {
  const { place } = question.value
  if (place === null) return null
  const feeder = known.feeders.find(({ id }) => id === place)
  const row = feeder ?? known.substations.find(({ id }) => id === place)
  const name = row?.name ?? place
  return (
    <section class="place" aria-label={wl.value.look(name)}>
      <h2>
        {name} <span class="mute">{name === place ? '' : place}</span>
        <button type="button" class="push noprint" onClick={() => ask({ place: null })}>
          {wl.value.back}
        </button>
      </h2>
      <Outlook id={place} key={place} />
      {feeder !== undefined && <FeederLosses id={place} name={name} at={known.at} />}
    </section>
  )
}

function CapacityOverLoad({ rows }: { rows: readonly Capacity[] }) {
  const words = wl.value
  if (rows.length === 0) return null
  return (
    <section>
      <h2>{words.capacity}</h2>
      <table class="capacity">
        <Columns
          of={[
            words.area,
            { n: words.voltage },
            { n: words.installed },
            { n: words.loadMw },
            { n: words.ratio },
            words.guide,
          ]}
        />
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.area} ${row.kv}`}>
              <th scope="row">{row.area === '' ? w.value.noName : row.area}</th>
              <td class="n">{row.kv ?? '—'}</td>
              <td class="n">{row.installedMva === null ? '—' : figure(row.installedMva, 1, '')}</td>
              <td class="n">{figure(row.loadMw, 1, '')}</td>
              <td class="n">{row.ratio === null ? '—' : figure(row.ratio, 2, '')}</td>
              <td>
                {row.range === null
                  ? '—'
                  : `${row.range.low}–${row.range.high} ${words.verdicts[row.verdict] ?? ''}`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Table({ known }: { known: Balance }) {
  const words = w.value
  const { peak } = question.value
  const at = known.at === null ? null : Date.parse(known.at)
  // Stations stand above their own feeders; a feeder that is fed through a transformer names that one.
  const station = (row: Row) =>
    known.units.find(({ id }) => id === row.parent)?.parent ?? row.parent ?? ''
  return (
    <section>
      <h2>
        {words.views.balance}
        <span class="mute">
          {at !== null && (
            <>
              {peak === null
                ? `${day(at)} ${hhmm(at)}`
                : wl.value.peakAt(`${date(at)} ${hhmm(at)}`)}{' '}
              · {words.measuredPoints(known.measuredPoints ?? 0)} ·{' '}
              {words.positionsAs(known.positions ?? '')} · {words.ticks}
            </>
          )}
          {known.coincidence != null &&
            ` · ${wl.value.coincidence(figure(known.coincidence, 2, ''))}`}
        </span>
        <When />
      </h2>
      {at === null && <p class="empty">{wl.value.nothingMeasured}</p>}
      {at !== null && known.feeders.length === 0 && <p>{words.noLoads}</p>}
      <table class="bal">
        <thead>
          <tr>
            <th scope="col">{words.source}</th>
            <th scope="col" class="n">
              {words.customers}
            </th>
            <th scope="col" class="n">
              {words.load}
            </th>
            <th scope="col" class="n">
              {words.kva}
            </th>
            <th scope="col" class="n">
              {words.rated}
            </th>
            <th scope="col" class="bc">
              {words.rate}
            </th>
            <th scope="col" class="n">
              {words.ratePercent}
            </th>
            <th scope="col" class="n">
              {words.margin}
            </th>
            {peak !== null && (
              <th scope="col" class="n">
                {wl.value.ownPeak}
              </th>
            )}
            <th scope="col">{words.how}</th>
          </tr>
        </thead>
        {known.substations.map((substation) => (
          <tbody key={substation.id}>
            <BalanceRow row={substation} group />
            {known.feeders
              .filter((feeder) => station(feeder) === substation.id)
              .map((feeder) => (
                <BalanceRow key={feeder.id} row={feeder} />
              ))}
          </tbody>
        ))}
      </table>
    </section>
  )
}

function BalanceRow({ row, group = false }: { row: Row; group?: boolean }) {
  const words = w.value
  const rate = row.rate === null ? null : row.rate * 100
  return (
    <tr class={group ? 'grp' : ''}>
      <th scope="row">
        <PlaceLink id={row.id} name={row.name} />{' '}
        <span class="mute">{row.name === row.id ? '' : row.id}</span>
      </th>
      <td class="n">{count(row.customers)}</td>
      <td class="n">{row.source === 'none' ? UNKNOWN : whole(row.kw)}</td>
      <td class="n">{row.source === 'none' ? UNKNOWN : whole(row.kva)}</td>
      <td class="n">{whole(row.ratedKva)}</td>
      <td class="bc">{rate !== null && <LoadBar percent={rate} />}</td>
      <td class="n">
        {rate === null ? (
          <span class="mute">{words.noRating}</span>
        ) : (
          <b class={rate > 100 ? 'late' : ''}>{percent(rate, 100)}</b>
        )}
      </td>
      <td class="n">{whole(row.marginKva)}</td>
      {question.value.peak !== null && (
        <td class="n">
          {whole(row.own?.kva ?? null)}{' '}
          <span class="mute">
            {row.own != null &&
              wl.value.ownPeakAt(`${day(Date.parse(row.own.at))} ${hhmm(Date.parse(row.own.at))}`)}
          </span>
        </td>
      )}
      <td class="mute">
        {words.measured[row.source] ?? row.source}
        {row.reverse && ` · ${words.reverse}`}
      </td>
    </tr>
  )
}
