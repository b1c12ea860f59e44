import { count, date, hhmm, language, spell } from '../language.ts'
import { MS_PER_MIN } from '../../time.ts'
import { Columns } from './columns.tsx'
import { figure, UNKNOWN, whole } from './figures.ts'
import { Fold } from './fold.tsx'
import { queryOf, type Question } from './question.ts'
import { useRead } from './reading.ts'
import { SaveList } from './save.tsx'
import { FeederLink } from './tables.tsx'
import { Unread } from './unread.tsx'
import { w } from './words.ts'
import { wi } from './words-lists.ts'

type Where = {
  readonly loadPoint: string
  readonly feeder: string | null
  readonly area: string | null
  readonly lastAt: string
}
type Customers = {
  readonly thresholds: { readonly repeated: number; readonly longSingleH: number }
  readonly rowsInAll: number
  readonly rows: readonly (Where & {
    readonly units: number
    readonly interruptions: number
    readonly totalMin: number
    readonly longestMin: number
    readonly reasons: readonly string[]
  })[]
}
type Rule = { readonly atLeast: number; readonly months: number }
type Frequent = {
  readonly to: string
  readonly rules: readonly Rule[]
  readonly months: readonly number[]
  readonly rowsInAll: number
  readonly rows: readonly (Where & {
    readonly customers: number | null
    readonly counts: Readonly<Record<string, number>>
    readonly meets: readonly Rule[]
  })[]
}
type WorstFeeders = {
  readonly years: number
  readonly rows: readonly {
    readonly rank: number
    readonly feeder: string
    readonly saifi: number | null
    readonly saidiMin: number | null
    readonly earlierRanks: readonly (number | null)[]
    readonly repeated: boolean
  }[]
}

const ROWS = 100
const moment = (text: string): string => `${date(Date.parse(text))} ${hhmm(Date.parse(text))}`

/** Who stands behind the indices: worst feeders over the years, load points often or long without supply, and the watch list. */
export function Lists({ of }: { of: Question }) {
  const words = wi.value
  return (
    <section class="lists">
      <h2>{words.head}</h2>
      {of.feeder === null && (
        <Fold name="worst" says={words.worst}>
          <Worst of={of} />
        </Fold>
      )}
      <Fold name="customers" says={words.customers}>
        <ManyOrLong of={of} />
      </Fold>
      <Fold name="watch" says={words.watch}>
        <Watch of={of} />
      </Fold>
    </section>
  )
}

function Worst({ of }: { of: Question }) {
  const words = wi.value
  const path = `/api/v1/indices/worst-feeders?${queryOf(of, { years: '2' })}`
  const asked = useRead<WorstFeeders>(path)
  if (asked.state !== 'known') return <Unread of={asked} />
  return (
    <>
      <SaveList path={path} name="worst-feeders" says={words.worst} />
      <table class="worst">
        <Columns
          of={[
            { n: words.rank },
            w.value.feeder,
            { n: 'SAIFI' },
            { n: 'SAIDI, min' },
            { n: words.yearBefore(1) },
            { n: words.yearBefore(2) },
            words.again,
          ]}
        />
        <tbody>
          {asked.value.rows.map((row) => (
            <tr key={row.feeder}>
              <td class="n">{row.rank}</td>
              <th scope="row">
                <FeederLink feeder={row.feeder} />
              </th>
              <td class="n">{figure(row.saifi)}</td>
              <td class="n">{figure(row.saidiMin)}</td>
              <td class="n">{whole(row.earlierRanks[0] ?? null)}</td>
              <td class="n">{whole(row.earlierRanks[1] ?? null)}</td>
              <td>{row.repeated ? <b>{words.isAgain}</b> : ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

function ManyOrLong({ of }: { of: Question }) {
  const words = wi.value
  const path = `/api/v1/indices/customers?${queryOf(of, { limit: String(ROWS) })}`
  const asked = useRead<Customers>(path)
  if (asked.state !== 'known') return <Unread of={asked} />
  const { rows, rowsInAll } = asked.value
  return (
    <>
      <p class="row">
        <span>{words.shown(count(rows.length), count(rowsInAll))}</span>
        <SaveList path={path} name="customers" says={words.customers} />
      </p>
      <table class="often-points">
        <Columns
          of={[
            w.value.loadPoint,
            w.value.feeder,
            { n: w.value.customers },
            { n: words.interruptions },
            { n: words.longest },
            { n: words.together },
            words.last,
            words.why,
          ]}
        />
        <tbody>
          {rows.map((row) => (
            <tr key={row.loadPoint}>
              <th scope="row">{row.loadPoint}</th>
              <td>
                <FeederLink feeder={row.feeder} />
              </td>
              <td class="n">{whole(row.units)}</td>
              <td class="n">{row.interruptions}</td>
              <td class="n">{spell(row.longestMin * MS_PER_MIN)}</td>
              <td class="n">{spell(row.totalMin * MS_PER_MIN)}</td>
              <td>{moment(row.lastAt)}</td>
              <td>{row.reasons.map((each) => words.reasons[each] ?? each).join(', ')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

function Watch({ of }: { of: Question }) {
  const words = wi.value
  const says = new URLSearchParams({ until: of.to, limit: String(ROWS) })
  for (const place of ['feeder', 'substation', 'area'] as const) {
    const id = of[place]
    if (id !== null) says.set(place, id)
  }
  const path = `/api/v1/indices/frequent?${says}`
  const asked = useRead<Frequent>(path)
  if (asked.state !== 'known') return <Unread of={asked} />
  const { rows, rowsInAll, rules, months } = asked.value
  const spoken = rules.map(({ atLeast, months: within }) => words.rule(atLeast, within))
  return (
    <>
      <p class="row">
        <span>
          {spoken.join(language.value === 'en' ? '; ' : '；')}
          {language.value === 'en' ? '. ' : '。'}
          {words.shown(count(rows.length), count(rowsInAll))}
        </span>
        <SaveList path={path} name="watch-list" says={words.watch} />
      </p>
      <table class="watch">
        <Columns
          of={[
            w.value.loadPoint,
            w.value.feeder,
            { n: w.value.customers },
            ...months.map((n) => ({ n: words.inMonths(n) })),
            words.last,
          ]}
        />
        <tbody>
          {rows.map((row) => (
            <tr key={row.loadPoint}>
              <th scope="row">{row.loadPoint}</th>
              <td>
                <FeederLink feeder={row.feeder} />
              </td>
              <td class="n">{whole(row.customers)}</td>
              {months.map((n) => (
                <td class="n" key={n}>
                  {row.counts[String(n)] ?? UNKNOWN}
                </td>
              ))}
              <td>{moment(row.lastAt)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}
