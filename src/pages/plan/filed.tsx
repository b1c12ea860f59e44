import { useState } from 'preact/hooks'
import { send } from '../api.ts'
import { date, hhmm, monthYear } from '../language.ts'
import { Columns } from './columns.tsx'
import { figure, UNKNOWN } from './figures.ts'
import { ask, question, RULEBOOKS } from './question.ts'
import { useRead, valueOf } from './reading.ts'
import type { Report } from './report-data.ts'
import { Unread } from './unread.tsx'
import { w } from './words.ts'
import { wf } from './words-filed.ts'

type Line = {
  readonly month: string
  readonly state: 'closed' | 'over' | 'running'
  readonly closedAt: string | null
  readonly bySubject: string | null
  readonly stillOut: boolean
}
type Filed = Report & { readonly rulebook: { readonly id: string }; readonly by: string }
type Restatement = {
  readonly rulebook: string
  readonly by: string
  readonly group: string | null
  readonly index: string
  readonly unit: string | null
  readonly filed: number | null
  readonly now: number | null
}
type Period = Line & {
  readonly filed: readonly Filed[] | null
  readonly today: readonly Filed[]
  readonly restatements: readonly Restatement[]
}

/** Time, number and length of interruptions: what a month is known by, whatever a rulebook calls them. */
const HEADLINES = ['SAIDI', 'SAIFI', 'CAIDI', 'CML', 'CI', 'ASAI']
const RESTATED_SHOWN = 200

/** The months of the record: which are filed, by whom, and what became of their figures since. */
export function FiledMonths() {
  const words = wf.value
  const [version, setVersion] = useState(0)
  const months = useRead<{ periods: readonly Line[] }>('/api/v1/periods', version)
  const chosen = question.value.month
  return (
    <>
      <section>
        <h2>
          {words.months} <span class="mute">{words.monthsHow}</span>
        </h2>
        <Unread of={months} />
        {months.state === 'known' && months.value.periods.length === 0 && <p>{words.noMonths}</p>}
        {months.state === 'known' && months.value.periods.length > 0 && (
          <table class="filed">
            <Columns of={[w.value.month, w.value.state, words.filedAt, words.filedBy]} />
            <tbody>
              {months.value.periods.map((line) => (
                <tr key={line.month} class={line.month === chosen ? 'sel' : ''}>
                  <th scope="row">
                    <button
                      type="button"
                      class="plain"
                      aria-pressed={line.month === chosen}
                      onClick={() => ask({ month: line.month })}
                    >
                      {monthYear(Date.parse(`${line.month}-15T12:00:00Z`))}
                    </button>
                  </th>
                  <td>
                    <b>{words.states[line.state]}</b>{' '}
                    {line.stillOut && <span class="mute">{words.stillOut}</span>}
                  </td>
                  <td>{line.closedAt === null ? UNKNOWN : moment(line.closedAt)}</td>
                  <td>{line.bySubject ?? UNKNOWN}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
      {chosen !== null && (
        <Month
          key={`${chosen} ${version}`}
          month={chosen}
          onFiled={() => setVersion(version + 1)}
        />
      )}
    </>
  )
}

const moment = (text: string): string => `${date(Date.parse(text))} ${hhmm(Date.parse(text))}`
const nameOf = (rulebook: string): string =>
  RULEBOOKS.find(([id]) => id === rulebook)?.[1] ?? rulebook

/** One month: its figures as filed beside those of today; not filed yet, what filing would file, and the act. */
function Month({ month, onFiled }: { month: string; onFiled: () => void }) {
  const words = wf.value
  const [said, setSaid] = useState('')
  const asked = useRead<Period>(`/api/v1/periods/${month}`)
  const known = valueOf(asked)
  const name = monthYear(Date.parse(`${month}-15T12:00:00Z`))
  const file = async () => {
    const answer = await send(`/api/v1/periods/${month}/close`, {})
    if (answer.ok) onFiled()
    else setSaid(answer.problem.detail || answer.problem.title)
  }
  return (
    <section class="month">
      <h2>
        {name} <span class="mute">{known !== null && words.states[known.state]}</span>
      </h2>
      <Unread of={asked} />
      {known !== null && <Figures known={known} />}
      {known?.state === 'over' && (
        <div class="acts row noprint">
          <button
            type="button"
            class="go"
            aria-disabled={known.stillOut}
            onClick={() => {
              if (!known.stillOut) void file()
            }}
          >
            {words.file(name)}
          </button>
          <span class="mute">{known.stillOut ? words.blocked : words.fileTells}</span>
        </div>
      )}
      {known?.state === 'running' && <p class="mute">{words.runs}</p>}
      <p role="alert">{said}</p>
      {known?.state === 'closed' && <Restatements of={known.restatements} />}
    </section>
  )
}

function Figures({ known }: { known: Period }) {
  const words = wf.value
  const rows = known.today
    .filter(({ by }) => by === 'system')
    .flatMap((report) => {
      const [row] = report.rows
      const filed = known.filed?.find(
        ({ by, rulebook }) => by === 'system' && rulebook.id === report.rulebook.id,
      )?.rows[0]
      const symbols = Object.keys(row?.indices ?? {})
      return HEADLINES.flatMap((start) => symbols.find((each) => each.startsWith(start)) ?? []).map(
        (symbol) => ({
          rulebook: report.rulebook.id,
          symbol,
          unit: row?.units[symbol] ?? '',
          today: row?.indices[symbol] ?? null,
          filed: filed?.indices[symbol] ?? null,
        }),
      )
    })
  const isFiled = known.state === 'closed'
  return (
    <table class="filed">
      <Columns
        of={[
          w.value.rulebook,
          w.value.index,
          { n: isFiled ? words.asFiled : words.wouldFile },
          ...(isFiled ? [{ n: words.today }] : []),
        ]}
      />
      <tbody>
        {rows.map((row) => (
          <tr key={`${row.rulebook} ${row.symbol}`}>
            <th scope="row">{nameOf(row.rulebook)}</th>
            <td>
              {row.symbol} <span class="mute">{row.unit === '1' ? '' : row.unit}</span>
            </td>
            <td class="n">{figure(isFiled ? row.filed : row.today, 3, row.unit)}</td>
            {isFiled && <td class="n">{figure(row.today, 3, row.unit)}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** The whole stands before its parts, and the rulebooks in their order. */
const byWeight = (a: Restatement, b: Restatement): number => weightOf(a) - weightOf(b)
const weightOf = ({ by, rulebook }: Restatement): number =>
  (by === 'system' ? 0 : RULEBOOKS.length) + RULEBOOKS.findIndex(([id]) => id === rulebook)

function Restatements({ of: all }: { of: readonly Restatement[] }) {
  const words = wf.value
  if (all.length === 0) return <p>{words.noRestatement}</p>
  return (
    <>
      <h3>
        {words.restatements}{' '}
        <span class="mute">
          {all.length > RESTATED_SHOWN && words.firstOf(RESTATED_SHOWN, all.length)}
        </span>
      </h3>
      <table class="restated">
        <Columns
          of={[
            w.value.rulebook,
            words.of,
            w.value.index,
            { n: words.asFiled },
            { n: words.today },
            { n: words.change },
          ]}
        />
        <tbody>
          {[...all]
            .sort(byWeight)
            .slice(0, RESTATED_SHOWN)
            .map((row) => (
              <tr key={`${row.rulebook} ${row.by} ${row.group} ${row.index}`}>
                <th scope="row">{nameOf(row.rulebook)}</th>
                <td>{row.by === 'system' ? w.value.whole : (row.group ?? w.value.noName)}</td>
                <td>
                  {row.index} <span class="mute">{row.unit === '1' ? '' : row.unit}</span>
                </td>
                <td class="n">{figure(row.filed)}</td>
                <td class="n">{figure(row.now)}</td>
                <td class="n">
                  {figure(row.filed === null || row.now === null ? null : row.now - row.filed)}
                </td>
              </tr>
            ))}
        </tbody>
      </table>
    </>
  )
}
