import { useEffect, useState } from 'preact/hooks'
import { MS_PER_S } from '../../time.ts'
import { read } from '../api.ts'
import { count, date, hhmmss, language, spell } from '../language.ts'
import { figure, percent } from './figures.ts'
import { ask, queryOf, question } from './question.ts'
import { shownIndex, type Reports } from './report-data.ts'
import { w } from './words.ts'

/** `GET /api/v1/indices/explain`: a figure taken apart into its parts, outages, sets of customers and the messages behind them. */
type Explanation = {
  readonly figure: Figure | null
  readonly outages: readonly ExplainedOutage[]
}
/** scale × top ÷ bottom, or a share of the hours of those served. */
type Figure = {
  readonly form: 'ratio' | 'availability' | 'unavailability'
  readonly scale: number
  readonly periodHours: number
  readonly name: { readonly en: string; readonly 'zh-CN': string }
  readonly top: Quantity
  readonly bottom: Quantity | null
}
type Quantity = {
  readonly of: { readonly of: string; readonly in?: 'h' | 'min'; readonly n?: number }
  readonly value: number | null
  /** Null where it is no sum over interruptions. */
  readonly parts: readonly Part[] | null
  readonly rest: { readonly parts: number; readonly value: number } | null
}
type Part = {
  /** Null where it is an outage that adds. */
  readonly loadPoint: string | null
  readonly outages: readonly string[]
  readonly value: number
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
/** Outages named of one load point. */
const OUTAGES_NAMED = 3
const S_PER_MIN = 60

export function Explain({ shown }: { shown: Reports }) {
  const words = w.value
  const [row] = shown.system.rows
  const symbol = row === undefined ? '' : shownIndex(row, question.value.index)
  const [found, setFound] = useState<Explanation | string | null>(null)
  const query = queryOf(shown.of, { index: symbol })
  useEffect(() => {
    let gone = false
    // What was found of another figure does not explain this one.
    setFound(null)
    void read<Explanation>(`/api/v1/indices/explain?${query}`).then((answer) => {
      if (gone) return
      setFound(answer.ok ? answer.value : answer.problem.detail || answer.problem.title)
    })
    return () => {
      gone = true
    }
  }, [query])
  if (row === undefined) return null
  const unit = row.units[symbol] ?? '1'
  const value = `${symbol} ${figure(row.indices[symbol] ?? null, 3, unit)} ${unit === '1' ? '' : unit}`
  const told = typeof found === 'object' ? (found?.figure ?? null) : null
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
          {told !== null && (
            <>
              <p>{told.name[language.value]}</p>
              <p>
                <Formula of={told} />
              </p>
            </>
          )}
        </li>
        {typeof found === 'string' && <li>{words.failed(found)}</li>}
        {told?.top.parts != null && (
          <li>
            <Largest of={told.top} parts={told.top.parts} open={chosen?.outage ?? null} />
          </li>
        )}
        {chosen !== undefined && <Behind outage={chosen} />}
      </ol>
    </aside>
  )
}

const inFull = (value: number | null): string =>
  value === null || (Math.abs(value) < 1000 && !Number.isInteger(value))
    ? figure(value)
    : count(Math.round(value))

const nameOf = ({ of: { of, in: unit, n } }: Quantity): string =>
  w.value.quantities[unit === 'h' ? `${of}H` : of]?.(n ?? 0) ?? of

function Formula({ of: { form, scale, periodHours, top, bottom } }: { of: Figure }) {
  const words = w.value
  const below =
    bottom === null ? null : bottom.value === null ? (
      words.noDenominator
    ) : (
      <>
        {inFull(bottom.value)} {nameOf(bottom)}
      </>
    )
  return (
    <>
      {form === 'availability' && '1 − '}
      <b>{inFull(top.value)}</b> {nameOf(top)}
      {below !== null && <> ÷ {below}</>}
      {form !== 'ratio' && ` ÷ ${count(Math.round(periodHours))} h`}
      {scale !== 1 && ` × ${count(scale)}`}
    </>
  )
}

/** What adds most: an outage, or a load point by all that happened to it. */
function Largest({
  of,
  parts,
  open,
}: {
  of: Quantity
  parts: readonly Part[]
  open: string | null
}) {
  const words = w.value
  const whole = of.value ?? 0
  const others = parts.slice(LARGEST_TOLD)
  const more = others.length + (of.rest?.parts ?? 0)
  const moreValue = others.reduce((sum, each) => sum + each.value, of.rest?.value ?? 0)
  const ofPoints = parts.some(({ loadPoint }) => loadPoint !== null)
  const many = parts.length + (of.rest?.parts ?? 0)
  return (
    <>
      <h3>{ofPoints ? words.pointsMake(many) : words.outagesMake(many)}</h3>
      <table>
        <thead>
          <tr>
            {ofPoints && <th scope="col">{words.loadPoint}</th>}
            <th scope="col">{words.outage}</th>
            <th scope="col" class="n">
              {nameOf(of)}
            </th>
            <th scope="col" class="n">
              {words.share}
            </th>
          </tr>
        </thead>
        <tbody>
          {parts.slice(0, LARGEST_TOLD).map((each) => (
            <tr
              key={`${each.loadPoint} ${each.outages[0]}`}
              class={open !== null && each.outages.includes(open) ? 'sel' : ''}
            >
              {ofPoints && <td>{each.loadPoint ?? words.noName}</td>}
              <td>
                {each.outages.slice(0, OUTAGES_NAMED).map((outage) => (
                  <button
                    type="button"
                    class="plain"
                    key={outage}
                    aria-expanded={outage === open}
                    onClick={() => ask({ outage })}
                  >
                    {outage}
                  </button>
                ))}
                {each.outages.length > OUTAGES_NAMED &&
                  words.moreOutages(each.outages.length - OUTAGES_NAMED)}
              </td>
              <td class="n">{inFull(each.value)}</td>
              <td class="n">{percent(each.value, whole)}</td>
            </tr>
          ))}
          {more > 0 && (
            <tr>
              {ofPoints && <td />}
              <td>{words.moreOutages(more)}</td>
              <td class="n">{inFull(moreValue)}</td>
              <td class="n">{percent(moreValue, whole)}</td>
            </tr>
          )}
        </tbody>
      </table>
    </>
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
