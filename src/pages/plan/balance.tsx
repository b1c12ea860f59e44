import { effect, signal } from '@preact/signals'
import { read } from '../api.ts'
import { count, day, hhmm } from '../language.ts'
import { LoadBar } from '../marks.tsx'
import { pageTime } from '../page-clock.ts'
import { percent } from './figures.ts'
import { ask, question } from './question.ts'
import { w } from './words.ts'

/** `GET /api/v1/balance`: load against capacity of a moment. */
type Balance = {
  readonly at: string
  readonly positions: string
  readonly measuredPoints: number
  readonly substations: readonly Row[]
  readonly units: readonly Row[]
  readonly feeders: readonly Row[]
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
}

const balance = signal<Balance | null>(null)
const problem = signal('')

export function followBalance(): void {
  let last: string | null | undefined
  effect(() => {
    const { view, at } = question.value
    if (view !== 'balance' || last === at) return
    last = at
    const moment = at === null ? '' : `?at=${encodeURIComponent(at)}`
    void read<Balance>(`/api/v1/balance${moment}`).then((answer) => {
      if (answer.ok) balance.value = answer.value
      problem.value = answer.ok ? '' : answer.problem.detail || answer.problem.title
    })
  })
}

export function Balance() {
  const words = w.value
  const known = balance.value
  if (known === null) {
    return (
      <p class="status" role="status">
        {problem.value === '' ? words.reading : words.failed(problem.value)}
      </p>
    )
  }
  const at = Date.parse(known.at)
  // Stations stand above their own feeders; a feeder that is fed through a transformer names that one.
  const station = (row: Row) =>
    known.units.find(({ id }) => id === row.parent)?.parent ?? row.parent ?? ''
  return (
    <section>
      <h2>
        {words.views.balance}
        <span class="mute">
          {day(at)} {hhmm(at)} · {words.measuredPoints(known.measuredPoints)} ·{' '}
          {words.positionsAs(known.positions)} · {words.ticks}
        </span>
        <span class="push row noprint">
          <label>
            {words.moment}{' '}
            <input
              type="datetime-local"
              onChange={(event) => {
                const wanted = Date.parse(event.currentTarget.value)
                if (!Number.isNaN(wanted)) ask({ at: new Date(wanted).toISOString() })
              }}
            />
          </label>
          <button type="button" onClick={() => ask({ at: new Date(pageTime()).toISOString() })}>
            {words.atNow}
          </button>
        </span>
      </h2>
      {known.feeders.length === 0 && <p>{words.noLoads}</p>}
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
        {row.name} <span class="mute">{row.name === row.id ? '' : row.id}</span>
      </th>
      <td class="n">{count(row.customers)}</td>
      <td class="n">{row.source === 'none' ? '' : count(Math.round(row.kw))}</td>
      <td class="n">{row.source === 'none' ? '' : count(Math.round(row.kva))}</td>
      <td class="n">{row.ratedKva === null ? '' : count(Math.round(row.ratedKva))}</td>
      <td class="bc">{rate !== null && <LoadBar percent={rate} />}</td>
      <td class="n">
        {rate === null ? (
          <span class="mute">{words.noRating}</span>
        ) : (
          <b class={rate > 100 ? 'late' : ''}>{percent(rate, 100)}</b>
        )}
      </td>
      <td class="n">{row.marginKva === null ? '' : count(Math.round(row.marginKva))}</td>
      <td class="mute">
        {words.measured[row.source] ?? row.source}
        {row.reverse && ` · ${words.reverse}`}
      </td>
    </tr>
  )
}
