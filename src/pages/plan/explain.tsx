import { useEffect, useState } from 'preact/hooks'
import { read } from '../api.ts'
import { count } from '../language.ts'
import { figure } from './figures.ts'
import { ask, queryOf, question } from './question.ts'
import { shownIndex, type Reports } from './report-data.ts'
import { w } from './words.ts'

/** `GET /api/v1/indices/explain`: the way from a figure down to the messages behind it. */
type Explanation = { readonly [part: string]: unknown }

export function Explain({ shown }: { shown: Reports }) {
  const words = w.value
  const [row] = shown.system.rows
  const symbol = row === undefined ? '' : shownIndex(row, question.value.index)
  const [found, setFound] = useState<Explanation | null | undefined>(undefined)
  const query = queryOf(shown.of)
  useEffect(() => {
    let gone = false
    void read<Explanation>(`/api/v1/indices/explain?${query}`).then((answer) => {
      if (!gone) setFound(answer.ok ? answer.value : null)
    })
    return () => {
      gone = true
    }
  }, [query])
  if (row === undefined) return null
  const value = `${symbol} ${figure(row.indices[symbol] ?? null)} ${row.units[symbol] ?? ''}`
  return (
    <aside>
      <h2>
        {words.explainHead(value)}
        <button type="button" class="push" onClick={() => ask({ explain: false })}>
          {words.close}
        </button>
      </h2>
      <p>
        <b>{count(Math.round(row.cmi))}</b> {words.custMin} ÷{' '}
        {row.customersServed === null
          ? words.noDenominator
          : count(Math.round(row.customersServed))}
      </p>
      {found === null && <p class="mute">{words.explainNone}</p>}
    </aside>
  )
}
