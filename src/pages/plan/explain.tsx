import { useEffect, useState } from 'preact/hooks'
import { MS_PER_S } from '../../time.ts'
import { read } from '../api.ts'
import { count, date, hhmmss, spell } from '../language.ts'
import { figure, percent } from './figures.ts'
import { ask, queryOf, question } from './question.ts'
import { shownIndex, type IndexRow, type Reports } from './report-data.ts'
import { w } from './words.ts'

/** `GET /api/v1/indices/explain`: a figure taken apart into outages, sets of customers and the messages behind them. */
type Explanation = {
  readonly row: IndexRow
  readonly outages: readonly ExplainedOutage[]
  readonly rest: {
    readonly outages: number
    readonly ci: number
    readonly customerSeconds: number
  }
}
type ExplainedOutage = {
  readonly outage: string
  readonly origin: string | null
  readonly device: string | null
  readonly customerSeconds: number
  readonly sets: readonly {
    readonly from: string
    readonly until: string | null
    readonly feeder: string | null
    readonly customers: number
    readonly customerSeconds: number
  }[]
  readonly observations: readonly Message[]
}
type Message = {
  readonly gateway: string
  readonly kind: string
  readonly point: string
  readonly seq: number
  readonly at: string
  readonly receivedAt: string
  readonly value: string
  readonly reason: string | null
  readonly bySubject: string | null
}

const LARGEST_TOLD = 12
const S_PER_MIN = 60

export function Explain({ shown }: { shown: Reports }) {
  const words = w.value
  const [row] = shown.system.rows
  const symbol = row === undefined ? '' : shownIndex(row, question.value.index)
  const [found, setFound] = useState<Explanation | string | null>(null)
  const query = queryOf(shown.of)
  useEffect(() => {
    let gone = false
    void read<Explanation>(`/api/v1/indices/explain?${query}`).then((answer) => {
      if (gone) return
      setFound(answer.ok ? answer.value : answer.problem.detail || answer.problem.title)
    })
    return () => {
      gone = true
    }
  }, [query])
  if (row === undefined) return null
  const value = `${symbol} ${figure(row.indices[symbol] ?? null)} ${row.units[symbol] ?? ''}`
  const wanted = question.value.outage
  const known = typeof found === 'object' ? (found?.outages ?? []) : []
  const chosen = known.find(({ outage }) => outage === wanted) ?? known[0]
  return (
    <aside aria-label={words.explain}>
      <h2>
        {words.explainHead(value)}
        <button type="button" class="push" onClick={() => ask({ explain: false, outage: null })}>
          {words.close}
        </button>
      </h2>
      <ol class="lv">
        <li>
          <h3>{value}</h3>
          <p>
            <b>{count(Math.round(row.cmi))}</b> {words.custMin} ÷{' '}
            {row.customersServed === null
              ? words.noDenominator
              : `${count(Math.round(row.customersServed))} ${words.customers}`}
          </p>
        </li>
        {typeof found === 'string' && <li>{words.failed(found)}</li>}
        {found !== null && typeof found === 'object' && (
          <li>
            <h3>{words.outagesMake(found.outages.length + found.rest.outages)}</h3>
            <Largest found={found} cmi={row.cmi} open={chosen?.outage ?? null} />
          </li>
        )}
        {chosen !== undefined && <Behind outage={chosen} />}
      </ol>
    </aside>
  )
}

function Largest(parts: { found: Explanation; cmi: number; open: string | null }) {
  const words = w.value
  const { outages, rest } = parts.found
  const told = outages.slice(0, LARGEST_TOLD)
  const others = outages.slice(LARGEST_TOLD)
  const othersS = others.reduce((sum, each) => sum + each.customerSeconds, rest.customerSeconds)
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{words.outage}</th>
          <th scope="col" class="n">
            {words.custMin}
          </th>
          <th scope="col" class="n">
            {words.share}
          </th>
        </tr>
      </thead>
      <tbody>
        {told.map((each) => (
          <tr key={each.outage} class={each.outage === parts.open ? 'sel' : ''}>
            <td>
              <button
                type="button"
                class="plain"
                aria-expanded={each.outage === parts.open}
                onClick={() => ask({ outage: each.outage })}
              >
                {each.outage}
              </button>
            </td>
            <td class="n">{count(Math.round(each.customerSeconds / S_PER_MIN))}</td>
            <td class="n">{percent(each.customerSeconds / S_PER_MIN, parts.cmi)}</td>
          </tr>
        ))}
        {others.length + rest.outages > 0 && (
          <tr>
            <td>{words.moreOutages(others.length + rest.outages)}</td>
            <td class="n">{count(Math.round(othersS / S_PER_MIN))}</td>
            <td class="n">{percent(othersS / S_PER_MIN, parts.cmi)}</td>
          </tr>
        )}
      </tbody>
    </table>
  )
}

/** Customers × minutes of each set, and the messages from which both ends follow. */
function Behind({ outage }: { outage: ExplainedOutage }) {
  const words = w.value
  return (
    <>
      <li>
        <h3>
          {outage.outage} {outage.device ?? ''}
        </h3>
        <p>
          <b>{count(Math.round(outage.customerSeconds / S_PER_MIN))}</b> {words.custMin} ={' '}
          {words.sumOfSets(outage.sets.length)}
        </p>
        <table>
          <thead>
            <tr>
              <th scope="col">{words.from}</th>
              <th scope="col">{words.backAt}</th>
              <th scope="col" class="n">
                {words.customers}
              </th>
              <th scope="col" class="n">
                {words.custMin}
              </th>
            </tr>
          </thead>
          <tbody>
            {outage.sets.map((set) => (
              <tr key={`${set.from} ${set.until} ${set.feeder}`}>
                <td>
                  {date(Date.parse(set.from))} {hhmmss(Date.parse(set.from))}
                </td>
                <td>{set.until === null ? words.stillOut : hhmmss(Date.parse(set.until))}</td>
                <td class="n">{count(set.customers)}</td>
                <td class="n">{count(Math.round(set.customerSeconds / S_PER_MIN))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </li>
      <li>
        <h3>{words.messages}</h3>
        {outage.observations.length === 0 && (
          <p>{outage.origin === 'imported' ? words.fromRecord : words.noMessages}</p>
        )}
        {outage.observations.map((message) => (
          <pre key={`${message.gateway} ${message.point} ${message.seq} ${message.at}`}>
            {`grid/v1/${message.gateway}/${message.kind}/${message.point}\n`}
            {JSON.stringify({
              at: message.at,
              seq: message.seq,
              position: message.value,
              ...(message.reason === null ? {} : { reason: message.reason }),
            })}
            {'\n'}
            <span class="mute">{heard(message)}</span>
          </pre>
        ))}
      </li>
    </>
  )
}

function heard({ at, receivedAt, bySubject }: Message): string {
  const words = w.value
  const lateMs = Date.parse(receivedAt) - Date.parse(at)
  const late = lateMs < MS_PER_S ? words.atOnce : words.later(spellShort(lateMs))
  const by = bySubject === null ? '' : ` · ${bySubject}`
  return `${words.heardAt(hhmmss(Date.parse(receivedAt)))}, ${late}${by}`
}

const spellShort = (ms: number): string =>
  ms < S_PER_MIN * MS_PER_S ? `${Math.round(ms / MS_PER_S)} s` : spell(ms)
